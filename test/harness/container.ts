// One container of a test: started, listened to, asked, and removed when the test ends.

import { spawn } from 'node:child_process'
import {
  type ContainerSpec,
  docker,
  networkArguments,
  type Output,
  runArguments,
  tryDocker,
} from './docker.ts'
import { ownContainers, ownLabels } from './docker-owner.ts'
import { type LogRecord, type LogRecords, readRecords } from './log-records.ts'

export const flowPort = 8088
/** Docker splits what is longer. */
const lineBytesMax = 16 * 1024

export interface Container {
  readonly id: string
  readonly log: LogRecords
  /** What it wrote to stderr. */
  readonly stderr: () => string
  readonly exited: Promise<Ending>
  exec(...command: string[]): Promise<Output>
  /** `docker stop` with Docker's own grace of ten seconds. */
  stop(): Promise<Ending>
  signal(name: string): Promise<void>
  /** @param format Go template, as in `{{.State.Health.Status}}` */
  inspect(format: string): Promise<string>
  get(path: string, port?: number): Promise<{ status: number; body: string }>
}

export interface Ending {
  readonly code: number
  /** The last record, whatever it is: the supervisor promises that it is the one that says why. */
  readonly last: LogRecord | undefined
}

export interface TestContext {
  teardown(fn: () => unknown): void
}

let prepared: Promise<void> | undefined

/** To be called before anything that has to be removed is made. */
export function prepareEngine(): Promise<void> {
  prepared ??= ownContainers()
  return prepared
}

export async function startContainer(t: TestContext, spec: ContainerSpec): Promise<Container> {
  await prepareEngine()
  const id = await docker(runArguments(spec, ownLabels))
  const follower = spawn('docker', ['logs', '--follow', id], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(async () => {
    await docker(['rm', '--force', '--volumes', id])
    follower.kill()
  })
  const log = readRecords(follower.stdout)
  let stderr = ''
  follower.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const exited = docker(['wait', id]).then(async (code) => {
    await log.closed
    return { code: Number(code), last: log.all.at(-1) }
  })
  // A container that is removed while it runs has no exit code; whoever awaits it is told.
  exited.catch(() => undefined)

  return {
    id,
    log,
    stderr: () => stderr,
    exited,
    exec: (...command) => tryDocker(['exec', id, ...command]),
    stop: async () => {
      await docker(['stop', id])
      return exited
    },
    signal: async (name) => void (await docker(['kill', '--signal', name, id])),
    inspect: (format) => docker(['inspect', '--format', format, id]),
    get: async (path, port = flowPort) => {
      const address = await docker(['port', id, String(port)])
      const response = await fetch(`http://${address}${path}`, { headers: { connection: 'close' } })
      return { status: response.status, body: await response.text() }
    },
  }
}

/** What is wrong with the log: each line is to be one JSON object of at most 16 KiB, and nothing goes to stderr. */
export function flawsOf({ log, stderr }: Container): string[] {
  const flaws = log.garbled.map((line) => `not a JSON object: ${line.slice(0, 200)}`)
  if (log.longestLineBytes > lineBytesMax) flaws.push(`a line of ${log.longestLineBytes} bytes`)
  if (stderr() !== '') flaws.push(`on stderr: ${stderr().slice(0, 1_000)}`)
  return flaws
}

/** A network on which containers find each other by their aliases. */
export async function createNetwork(t: TestContext): Promise<string> {
  await prepareEngine()
  const id = await docker(networkArguments(`flowkeep-test-${process.pid}-${Date.now()}`, ownLabels))
  t.teardown(() => docker(['network', 'rm', id]))
  return id
}
