// `flowkeepctl shell` and `flowkeepctl psql`: one command into a container, and into the database.

import { runHere } from '../host/run.ts'
import { findContainer, listContainers, type Project } from './project.ts'
import { unknownService } from './services.ts'

export interface InsideOptions {
  readonly service: string
  readonly index: number | undefined
  readonly user: string | undefined
  /** Instead of a shell. */
  readonly command: readonly string[]
}

const shell = ['sh', '-c', 'command -v bash >/dev/null && exec bash; exec sh']

/** @returns the exit code of what ran inside */
export async function runShell(project: Project, options: InsideOptions): Promise<number> {
  const { service, index, user, command } = options
  return inside(project, service, index, user, command.length > 0 ? command : shell)
}

export interface PsqlOptions {
  readonly service: string
  readonly database: string
  readonly role: string
  /** Of psql. */
  readonly args: readonly string[]
}

/** As the superuser, over the server's own socket: whoever may use the engine may do anything to it anyway. */
export async function runPsql(
  project: Project,
  { service, database, role, args }: PsqlOptions,
): Promise<number> {
  const command = ['psql', `--username=${role}`, `--dbname=${database}`, ...args]
  return inside(project, service, undefined, undefined, command)
}

async function inside(
  project: Project,
  service: string,
  index: number | undefined,
  user: string | undefined,
  command: readonly string[],
): Promise<number> {
  const containers = await listContainers(project)
  if (containers.length > 0) unknownService(containers, [service])
  const { id } = findContainer(containers, service, index)
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY
  const options = [...(atTerminal ? ['--tty'] : []), ...(user === undefined ? [] : ['--user', user])]
  return runHere('docker', ['exec', '--interactive', ...options, id, ...command])
}
