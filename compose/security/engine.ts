// What the engine is asked for: itself, images, containers, volumes. Nothing is changed by it.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { fullName } from '../build/engine-images.ts'
import { docker, engineProblem, lastLine } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import type { InspectedContainer } from './from-inspect.ts'
import type { ImageFacts, VolumeOptions } from './workload.ts'

const askMs = 30_000

/** @returns as in `seccomp`, `apparmor`, `userns` */
export async function securityOptionsOfEngine(): Promise<ReadonlySet<string>> {
  const text = await docker(['info', '--format', '{{json .SecurityOptions}}'])
  const options = (JSON.parse(text) ?? []) as readonly string[]
  return new Set(options.flatMap((option) => /^name=([^,]+)/.exec(option)?.[1] ?? []))
}

interface InspectedImage {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly Created?: string
  readonly Config?: {
    readonly User?: string
    readonly Entrypoint?: readonly string[] | null
    readonly Cmd?: readonly string[] | null
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null
    readonly ExposedPorts?: Readonly<Record<string, object>> | null
    readonly Labels?: Readonly<Record<string, string>> | null
  } | null
}

/** @returns what the images say by id, and by the names that the engine has for them; those that are not here are missing */
export async function imageFactsOf(names: readonly string[]): Promise<ReadonlyMap<string, ImageFacts>> {
  const facts = new Map<string, ImageFacts>()
  const wanted = [...new Set(names)].filter((name) => name !== '')
  if (wanted.length === 0) return facts
  const { stdout, stderr } = await capture('docker', ['image', 'inspect', ...wanted], { timeoutMs: askMs })
  const problem = engineProblem(stderr)
  if (problem) throw problem
  for (const image of (JSON.parse(stdout || '[]') ?? []) as readonly InspectedImage[]) {
    const told = factsOf(image)
    for (const name of [image.Id, ...(image.RepoTags ?? []).map(fullName)]) facts.set(name, told)
  }
  // Pinned by digest it has no tag.
  for (const name of wanted.filter((each) => each.includes('@'))) {
    const { code, stdout: one } = await capture('docker', ['image', 'inspect', name], { timeoutMs: askMs })
    const image = code === 0 ? (JSON.parse(one) as InspectedImage[])[0] : undefined
    if (image) facts.set(fullName(name), factsOf(image))
  }
  return facts
}

function factsOf({ Config, Created }: InspectedImage): ImageFacts {
  const test = Config?.Healthcheck?.Test ?? []
  return {
    user: Config?.User ?? '',
    createdAt: Created,
    entrypoint: Config?.Entrypoint ?? [],
    command: Config?.Cmd ?? [],
    hasHealthCheck: test.length > 0 && test[0] !== 'NONE',
    exposedPorts: Object.keys(Config?.ExposedPorts ?? {}),
    labels: Config?.Labels ?? {},
  }
}

/** @throws FlowkeepError that names the container which is not there */
export async function inspectContainers(names: readonly string[]): Promise<InspectedContainer[]> {
  if (names.length === 0) return []
  const args = ['container', 'inspect', ...names]
  const { code, stdout, stderr } = await capture('docker', args, { timeoutMs: askMs })
  if (code === 0) return JSON.parse(stdout) as InspectedContainer[]
  const problem = engineProblem(stderr)
  if (problem) throw problem
  const missing = /no such container: (\S+)/i.exec(stderr)?.[1]
  throw new FlowkeepError('tool_failed', {
    operation: 'cannot look at a container',
    subject: missing ?? names.join(', '),
    message:
      missing === undefined
        ? lastLine(stderr) || `no answer within ${askMs / 1000} s`
        : `there is no container ${missing}`,
    hint: '`docker ps --all` lists all there are.',
  })
}

/** Command lines of everything that runs in a container; undefined where the engine can't tell. */
export async function processesIn(id: string): Promise<readonly string[] | undefined> {
  const { code, stdout } = await capture('docker', ['top', id, '-eo', 'pid,args'], { timeoutMs: askMs })
  if (code !== 0) return undefined
  return stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^\d+\s+/, ''))
}

/** Those that are not there are missing. */
export async function volumeOptions(names: readonly string[]): Promise<VolumeOptions> {
  if (names.length === 0) return new Map()
  const { stdout } = await capture('docker', ['volume', 'inspect', ...new Set(names)], { timeoutMs: askMs })
  const volumes = JSON.parse(stdout || '[]') as readonly {
    readonly Name: string
    readonly Options?: Readonly<Record<string, string>> | null
  }[]
  return new Map(volumes.map(({ Name, Options }) => [Name, Options ?? {}]))
}
