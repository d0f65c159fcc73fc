// What docker says when it cannot do its part, as one message that says what to do.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { capture, type Output } from './run.ts'

const noEngine =
  /docker: (?:command )?not found|cannot connect to the docker daemon|is the docker daemon running|error during connect|permission denied.*docker(?:\.sock| daemon)|docker daemon socket|dial (?:unix|tcp)/i
const noPlugin =
  /'(?<plugin>buildx|compose)' is not a docker command|unknown shorthand flag|docker: unknown command: docker (?<other>\w+)/

/** The error that docker's own words mean, if they mean that no engine or no plugin is there. */
export function engineProblem(stderr: string): FlowkeepError | undefined {
  const plugin = noPlugin.exec(stderr)
  if (plugin) {
    const name = plugin.groups?.['plugin'] ?? plugin.groups?.['other'] ?? 'buildx or compose'
    return new FlowkeepError('engine_unavailable', {
      operation: 'cannot use docker',
      subject: name,
      message: `docker has no plugin ${name}`,
      hint: 'Install docker-buildx-plugin and docker-compose-plugin (Debian: docker-buildx and docker-compose).',
    })
  }
  if (!noEngine.test(stderr)) return undefined
  const refused = /permission denied/i.test(stderr)
  const absent = /not found/.test(stderr)
  return new FlowkeepError('engine_unavailable', {
    operation: 'cannot reach the Docker engine',
    subject: 'docker',
    message: absent ? 'there is no docker command on PATH' : lastLine(stderr),
    hint: absent
      ? 'Install Docker Engine with its plugins buildx and compose, and run this again.'
      : refused
        ? 'This user may not use the engine: join the group docker (and log in again), or use a rootless engine.'
        : 'Start the engine (systemctl start docker), or point DOCKER_HOST or `docker context use` at one that runs.',
  })
}

/**
 * @returns what docker printed
 * @throws FlowkeepError `engine_unavailable`, or `tool_failed` with docker's own words
 */
export async function docker(args: readonly string[], cwd?: string): Promise<string> {
  return succeeded(args, await capture('docker', args, cwd === undefined ? {} : { cwd }))
}

/**
 * Asked first by what takes several steps.
 * @throws FlowkeepError `engine_unavailable` where no engine answers, or docker has no Compose
 */
export async function checkEngine(): Promise<void> {
  await docker(['version', '--format', '{{.Server.Version}}'])
  await docker(['compose', 'version', '--short'])
}

export function succeeded(args: readonly string[], { code, stdout, stderr }: Output): string {
  if (code === 0) return stdout
  throw (
    engineProblem(stderr) ??
    new FlowkeepError('tool_failed', {
      operation: `docker ${commandOf(args)} failed`,
      subject: 'docker',
      message: lastLine(stderr) || `exit code ${code}`,
      hint: `Run it by hand for all it says: docker ${args.join(' ')}`,
    })
  )
}

/** The command without its options, as in `compose up`. */
function commandOf(args: readonly string[]): string {
  const [first = '', ...rest] = args
  if (first !== 'compose') return [first, rest[0]?.startsWith('-') ? '' : rest[0]].filter(Boolean).join(' ')
  // Its own options have a value each.
  const name = rest.find((arg, index) => !arg.startsWith('-') && !rest[index - 1]?.startsWith('-'))
  return `${first} ${name}`
}

/** The last line that says something; docker puts its error there. */
export function lastLine(text: string): string {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '')
  return (lines.at(-1) ?? '').replace(/^(?:ERROR|error|Error response from daemon):\s*/, '').trim()
}
