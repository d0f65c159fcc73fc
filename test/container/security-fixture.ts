// What `flowkeep security` says in a container that is run with certain options.

import { prepareEngine } from '../harness/container.ts'
import { type ContainerSpec, docker, removeArguments, runArguments, tryDocker } from '../harness/docker.ts'
import { ownLabels } from '../harness/docker-owner.ts'

export interface Report {
  readonly ok: boolean
  readonly checks: readonly {
    readonly id: string
    readonly severity: string
    readonly status: string
    readonly found: string
  }[]
  readonly network: { readonly notes: readonly string[] } | null
}

/** As closed as the README says a container can be, but for what a test wants to open. */
export const closedOptions = [
  ...['--cgroupns', 'private', '--pids-limit', '200', '--cpus', '1', '--ulimit', 'core=0'],
]

export const closed: Pick<
  ContainerSpec,
  'readOnly' | 'tmpfs' | 'dropCapabilities' | 'noNewPrivileges' | 'memory' | 'options'
> = {
  readOnly: true,
  tmpfs: ['/tmp', '/run'],
  dropCapabilities: true,
  noNewPrivileges: true,
  memory: '256m',
  options: closedOptions,
}

/** Each line on standard output is a report. */
export async function reportsOf(spec: ContainerSpec): Promise<{ reports: Report[]; code: number }> {
  await prepareEngine()
  // Not attached: the output of a container that ends at once can get lost on its way to the client.
  const id = await docker(runArguments(spec, ownLabels))
  try {
    const code = Number(await docker(['wait', id]))
    const { stdout, stderr } = await tryDocker(['logs', id])
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
    if (lines.length === 0) throw new Error(`no report, exit code ${code}: ${stdout}${stderr}`)
    return { reports: lines.map((line) => JSON.parse(line)), code }
  } finally {
    await docker(removeArguments([id]))
  }
}

export function statusesOf({ checks }: Report): Readonly<Record<string, string>> {
  return Object.fromEntries(checks.map(({ id, status }) => [id, status]))
}

export function foundBy({ checks }: Report, id: string): string {
  return checks.find((check) => check.id === id)?.found ?? 'no such check'
}
