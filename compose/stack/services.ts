// The containers of the stack, as Compose lists them.

import { ask } from './execute.ts'
import { compose } from './project.ts'

export interface Service {
  readonly Name: string
  readonly Service: string
  readonly State: string
  /** Empty without a health check. */
  readonly Health: string
  readonly ExitCode: number
}

export async function listServices(): Promise<readonly Service[]> {
  const { stdout } = await ask('docker', compose(true, 'ps', '--all', '--format', 'json'))
  return parseServices(stdout)
}

/** One object per line, or, from older versions, one array. */
export function parseServices(text: string): readonly Service[] {
  return text
    .trim()
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => JSON.parse(line) as Service | Service[])
}

/** Why each of those that are not as they should be is not. */
export function troubles(services: readonly Service[]): string[] {
  return services.flatMap(({ Name, State, Health, ExitCode }) => {
    if (State === 'exited') return ExitCode === 0 ? [] : [`${Name} ended with exit code ${ExitCode}`]
    if (State !== 'running') return [`${Name} is ${State}`]
    return Health === '' || Health === 'healthy' ? [] : [`${Name} is ${Health}`]
  })
}
