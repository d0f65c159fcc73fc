// What is built, and what on what: the answer of `docker buildx bake --print`, checked.

import { FlowkeepError } from '../../supervisor/core/errors.ts'

export interface Target {
  readonly name: string
  /** Absolute, or relative to where bake runs. */
  readonly context: string
  readonly dockerfile: string
  /** Its text, where it stands in the bake file itself. */
  readonly inlineDockerfile: string | undefined
  readonly stage: string | undefined
  readonly args: ReadonlyMap<string, string>
  /** Further contexts by name: `target:NAME`, `docker-image://…`, a directory. */
  readonly contexts: ReadonlyMap<string, string>
  readonly tags: readonly string[]
  /** It was asked for, and is not only there because another one is built on it. */
  readonly isWanted: boolean
  /** Everything else that bake is told and that makes another image, as JSON by its name. */
  readonly settings: ReadonlyMap<string, string>
}

/** In the order in which they can be built. */
export type Graph = readonly Target[]

/** What says where an image goes or how the build gets at things, and not what is in it. */
const noPartOfTheImage = new Set([
  ...['tags', 'secret', 'ssh', 'output', 'cache-from', 'cache-to', 'pull', 'no-cache', 'no-cache-filter'],
  ...['context', 'contexts', 'dockerfile', 'dockerfile-inline', 'args', 'target', 'attest'],
])

/** @throws FlowkeepError when it isn't what bake prints */
export function readGraph(text: string): Graph {
  const { group, target } = asObject(parse(text))
  const groups = asObject(group)
  const targets = new Map(Object.entries(asObject(target)).map(([name, value]) => [name, asObject(value)]))
  const wanted = new Set<string>()
  const want = (name: string) => {
    if (targets.has(name)) wanted.add(name)
    else for (const member of asStrings(asObject(groups[name])['targets'])) want(member)
  }
  // What was asked for is the group `default`, whatever its names were.
  if (groups['default'] === undefined) for (const name of targets.keys()) wanted.add(name)
  else want('default')
  return inOrder([...targets].map(([name, fields]) => targetOf(name, fields, wanted.has(name))))
}

function targetOf(name: string, fields: Record<string, unknown>, isAsked: boolean): Target {
  const outputs = asStrings(fields['output'])
  const other = Object.entries(fields).filter(([field]) => !noPartOfTheImage.has(field))
  return {
    name,
    context: asText(fields['context']) ?? '.',
    dockerfile: asText(fields['dockerfile']) ?? 'Dockerfile',
    inlineDockerfile: asText(fields['dockerfile-inline']),
    stage: asText(fields['target']),
    args: asTexts(fields['args']),
    contexts: asTexts(fields['contexts']),
    tags: asStrings(fields['tags']),
    isWanted: isAsked && !outputs.some((output) => output.includes('cacheonly')),
    settings: new Map(other.map(([field, value]) => [field, JSON.stringify(value)])),
  }
}

/** The name of the target that a context is, if it is one. */
export function targetOfContext(context: string): string | undefined {
  return context.startsWith('target:') ? context.slice('target:'.length) : undefined
}

function inOrder(targets: readonly Target[]): Target[] {
  const byName = new Map(targets.map((target) => [target.name, target]))
  const ordered = new Set<Target>()
  const add = (target: Target) => {
    for (const context of target.contexts.values()) {
      const below = byName.get(targetOfContext(context) ?? '')
      if (below && !ordered.has(below)) add(below)
    }
    ordered.add(target)
  }
  for (const target of targets) add(target)
  return [...ordered]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FlowkeepError('tool_failed', {
      operation: 'cannot read what is built',
      subject: 'docker buildx bake --print',
      message: 'it printed no JSON',
      hint: 'Run `images/build-all.sh --print` and see what it says.',
      cause: error,
    })
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function asTexts(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(asObject(value)).flatMap(([name, text]) => (text === null ? [] : [[name, String(text)]])),
  )
}

function asStrings(value: unknown): string[] {
  // Newer versions of buildx print objects where older ones printed strings.
  if (!Array.isArray(value)) return []
  return value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
}
