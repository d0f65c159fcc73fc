// The containers of the Compose project, as the commands of every day find them.

import { existsSync } from 'node:fs'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { docker } from '../host/docker.ts'

export interface Project {
  /** Compose files, absolute; later ones go on top of earlier ones. */
  readonly files: readonly string[]
  /** Undefined for the name that the files give. */
  readonly name: string | undefined
  /** Whose services take part; without it those of every profile. */
  readonly profiles?: readonly string[]
}

export interface Container {
  readonly id: string
  readonly name: string
  readonly service: string
  /** `running`, `exited`, `restarting`, `paused` … */
  readonly state: string
  /** Of the health check: `healthy`, `unhealthy`, `starting`; empty without one. */
  readonly health: string
  readonly exitCode: number
}

/** Arguments of `docker` for a command of Compose. */
export function composeArguments(
  { files, name, profiles = ['*'] }: Project,
  command: readonly string[],
): string[] {
  return [
    'compose',
    ...files.flatMap((file) => ['--file', file]),
    ...(name === undefined ? [] : ['--project-name', name]),
    ...profiles.flatMap((profile) => ['--profile', profile]),
    ...command,
  ]
}

/** @throws FlowkeepError `tool_failed` with what Compose says when a file is refused */
export async function listContainers(project: Project): Promise<Container[]> {
  checkFiles(project, '--file')
  return parseContainers(await docker(composeArguments(project, ['ps', '--all', '--format', 'json'])))
}

/** @throws FlowkeepError that names the first file that isn't there, and the option to name another one */
export function checkFiles({ files }: Project, option: string): void {
  const missing = files.find((file) => !existsSync(file))
  if (missing === undefined) return
  throw new FlowkeepError('tool_failed', {
    operation: 'cannot look at the stack',
    subject: missing,
    message: `there is no Compose file ${missing}`,
    hint: `Name another one with ${option}.`,
  })
}

interface Listed {
  readonly ID: string
  readonly Name: string
  readonly Service: string
  readonly State: string
  readonly Health?: string
  readonly ExitCode?: number
}

/** One object a line; older versions print one array. */
export function parseContainers(text: string): Container[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => JSON.parse(line) as Listed | Listed[])
    .map(({ ID, Name, Service, State, Health = '', ExitCode = 0 }) => ({
      id: ID,
      name: Name,
      service: Service,
      state: State,
      health: Health,
      exitCode: ExitCode,
    }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

/**
 * A running container of a service.
 * @param index 1 for its first replica; undefined for whichever comes first
 * @throws FlowkeepError that names the services there are
 */
export function findContainer(
  containers: readonly Container[],
  service: string,
  index: number | undefined,
): Container {
  const running = containers.filter(({ state }) => state === 'running')
  const replicas = running.filter((container) => container.service === service)
  const found = index === undefined ? replicas[0] : replicas.find(({ name }) => name.endsWith(`-${index}`))
  if (found) return found
  const services = [...new Set(running.map((container) => container.service))]
  const wanted = index === undefined ? service : `replica ${index} of ${service}`
  throw new FlowkeepError('tool_failed', {
    operation: 'cannot go into a container',
    subject: service,
    message:
      running.length === 0
        ? 'nothing of the stack is running'
        : `${wanted} is not running; ${services.join(', ')} are`,
    hint: running.length === 0 ? 'npm start brings the stack up.' : `flowkeepctl status shows why.`,
  })
}
