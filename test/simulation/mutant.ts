// A second copy of the queue in this process with one thing broken: the module loader hands out the real source with
// one piece of it replaced. A piece that is no longer there is an error, so a mutant cannot quietly become the original.

import { registerHooks } from 'node:module'

export interface Mutation {
  readonly name: string
  /** Below `supervisor/queue/`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

const queueFolder = new URL('../../supervisor/queue/', import.meta.url).href
const registered = new Map<string, Mutation>()
const applied = new Set<string>()

/** Imports a module of `supervisor/queue/`, and all it imports from there, with the mutation in it. */
export async function importMutated(file: string, mutation: Mutation | undefined): Promise<unknown> {
  if (mutation === undefined) return await import(`${queueFolder}${file}`)
  if (registered.size === 0) registerHooks({ resolve, load })
  registered.set(mutation.name, mutation)
  const module: unknown = await import(`${queueFolder}${file}?mutant=${mutation.name}`)
  if (!applied.has(mutation.name)) throw new Error(`${mutation.name}: ${mutation.file} was not loaded`)
  return module
}

type Hooks = Parameters<typeof registerHooks>[0]

const resolve: NonNullable<Hooks['resolve']> = (specifier, context, next) => {
  const resolved = next(specifier, context)
  const mutant = mutantOf(context.parentURL)
  if (mutant === undefined || !resolved.url.startsWith(queueFolder)) return resolved
  return { ...resolved, url: `${resolved.url}?mutant=${mutant}` }
}

const load: NonNullable<Hooks['load']> = (url, context, next) => {
  const loaded = next(url, context)
  const mutation = registered.get(mutantOf(url) ?? '')
  if (mutation === undefined || !url.startsWith(`${queueFolder}${mutation.file}?`)) return loaded
  const source = String(loaded.source)
  const pieces = source.split(mutation.find)
  if (pieces.length !== 2) {
    throw new Error(`${mutation.name}: ${mutation.file} has ${pieces.length - 1} times: ${mutation.find}`)
  }
  applied.add(mutation.name)
  return { ...loaded, source: pieces.join(mutation.replace) }
}

function mutantOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : /\?mutant=(.+)$/.exec(url)?.[1]
}
