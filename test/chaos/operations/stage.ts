// All that a run consists of: the database with its proxy, and the members. Made in one place, and taken down in one.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nodeFlags } from '../../../images/node-flags.ts'
import { createWorkDirectory, type WorkDirectory } from '../../demo/work-directory.ts'
import { type Pgbouncer, startPgbouncer } from '../../harness/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../../harness/postgres.ts'
import { type PostgresProxy, startPostgresProxy } from '../../harness/postgres-proxy.ts'
import { seededRandom } from '../../harness/seeded-random.ts'
import { createSmallDisk, noSmallDisk, type SmallDisk } from '../../harness/small-disk.ts'
import { passwordUser, prepareDatabase, setPassword } from './database.ts'
import { Member } from './member.ts'

export interface Stage {
  readonly work: WorkDirectory
  readonly program: string
  readonly server: PostgresServer
  readonly proxy: PostgresProxy
  readonly members: readonly Member[]
  /** Two that share a state directory; empty where there are fewer than three. */
  readonly pair: readonly Member[]
  /** Members whose database goes through pgbouncer keep their password. */
  readonly pooled: ReadonlySet<Member>
  /** Of the first member. */
  readonly disk: SmallDisk | undefined
  readonly random: () => number
  /** What this machine does not have, as sentences. */
  readonly absent: readonly string[]
  /** From now on the role of the flows has this password; the members do not know it yet. */
  expirePassword(): Promise<void>
  tellPassword(): void
  close(keepFiles: boolean): Promise<void>
}

export interface StageOptions {
  readonly seed: number
  readonly supervisors: number
  readonly writers: number
  /** Makes the supervisor to run, in this directory, and answers with its path. */
  readonly build: (directory: string) => Promise<string>
}

/** The journal wants 16 MiB free, and the ballast is 4. */
const diskMebibytes = 96

/** Without it clients of a pooler whose server is away wait in it for two minutes. */
const poolerSettings = { query_wait_timeout: '2' }

export async function createStage(options: StageOptions): Promise<Stage> {
  const cleanUps: (() => unknown)[] = []
  const work = createWorkDirectory('flowkeep-chaos-')
  const close = async (keepFiles: boolean) => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
    await work.close(keepFiles)
  }
  try {
    return await furnish(options, work, (cleanUp) => cleanUps.push(cleanUp), close)
  } catch (error) {
    await close(false)
    throw error
  }
}

async function furnish(
  { seed, supervisors, writers, build }: StageOptions,
  work: WorkDirectory,
  later: (cleanUp: () => unknown) => void,
  close: Stage['close'],
): Promise<Stage> {
  const program = await build(join(work.path, 'program'))
  // The server is killed, the machine is not: what the kernel has is enough.
  const server = await startPostgres({ settings: { max_connections: '60', synchronous_commit: 'on' } })
  later(() => server.stop('immediate'))
  await migrate(program, work.path, server)
  await prepareDatabase(server)
  let password = 'first-of-all'
  await setPassword(server, password)
  const proxy = await startPostgresProxy(server)
  later(() => proxy.close())
  const absent: string[] = []
  const bouncer = supervisors > 1 ? await pgbouncerOn(server, proxy, absent) : undefined
  if (bouncer) later(() => bouncer.stop())
  const disk = noSmallDisk ? undefined : await createSmallDisk(join(work.path, 'disk'), diskMebibytes)
  if (noSmallDisk) absent.push(noSmallDisk)
  if (disk) later(() => disk.close())

  const url = () =>
    `postgresql://${passwordUser}:${password}@127.0.0.1:${proxy.port}/postgres?sslmode=disable`
  const member = (index: number): Member => {
    const sharesState = supervisors >= 3 && (index === 1 || index === 2)
    const directory = index === 0 && disk ? 'disk' : sharesState ? 'state-shared' : `state-${index}`
    return new Member({
      ...{
        name: `m${index}`,
        directory: work.path,
        program,
        seed: seed + 1_000 * index,
        writers,
        sharesState,
      },
      stateDirectory: join(work.path, directory),
      databaseUrl: index === 1 && bouncer ? bouncer.url() : url(),
      launcher: index === 0 && disk ? disk.launcher : [],
    })
  }
  const members = Array.from({ length: supervisors }, (_, index) => member(index))
  later(() => Promise.all(members.map((each) => each.end())))
  const pooled = new Set(bouncer ? members.slice(1, 2) : [])
  return {
    ...{ work, program, server, proxy, members, pooled, disk, absent, close },
    pair: members.filter(({ options }) => options.sharesState),
    random: seededRandom(seed),
    async expirePassword() {
      password = `another-${password.length}-${Date.now()}`
      await setPassword(server, password)
    },
    tellPassword() {
      for (const each of members) if (!pooled.has(each)) each.setDatabaseUrl(url())
    },
  }
}

async function pgbouncerOn(
  server: PostgresServer,
  proxy: PostgresProxy,
  absent: string[],
): Promise<Pgbouncer | undefined> {
  const { host, user, password } = server
  try {
    return await startPgbouncer({ host, user, password, port: proxy.port }, 4, poolerSettings)
  } catch (error) {
    absent.push(`no pgbouncer here: ${(error as Error).message}`)
    return undefined
  }
}

async function migrate(program: string, directory: string, server: PostgresServer): Promise<void> {
  await promisify(execFile)(process.execPath, [...nodeFlags, program, 'migrate'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      CONTAINER_FLOW_NAME: 'chaos',
      CONTAINER_DATABASE_RPA_DB_URL: server.url('postgres', { sslmode: 'disable' }),
    },
  })
}
