// Another copy of a part in this process, with one thing broken or over another disk: the module loader hands out the
// real source with one piece of it replaced, or what it imports from Node.js replaced. A piece that is no longer there is
// an error, so a mutant cannot quietly become the original.

import { registerHooks } from 'node:module'

export interface Mutation {
  readonly name: string
  /** Below `supervisor/`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Variant {
  readonly mutation?: Mutation | undefined
  /** Modules of Node.js and what stands in for them. */
  readonly standIns?: Readonly<Record<string, string>>
}

const supervisorFolder = new URL('../../supervisor/', import.meta.url).href
const registered = new Map<string, Variant>()
const applied = new Set<string>()

/** Imports a module of a part, such as `queue/queue.ts`, and all it imports from that part, in this variant. */
export async function importVariant(file: string, { mutation, standIns }: Variant): Promise<unknown> {
  if (mutation === undefined && standIns === undefined) return await import(`${supervisorFolder}${file}`)
  if (registered.size === 0) registerHooks({ resolve, load })
  const name = `${mutation?.name ?? 'original'}${standIns === undefined ? '' : '-over-stand-ins'}`
  registered.set(name, { mutation, standIns: standIns ?? {} })
  const module: unknown = await import(`${supervisorFolder}${file}?variant=${name}`)
  if (mutation && !applied.has(name)) throw new Error(`${mutation.name}: ${mutation.file} was not loaded`)
  return module
}

type Hooks = Parameters<typeof registerHooks>[0]

const resolve: NonNullable<Hooks['resolve']> = (specifier, context, next) => {
  const variant = variantOf(context.parentURL)
  const standIn = registered.get(variant ?? '')?.standIns?.[specifier]
  if (standIn !== undefined) return { url: standIn, shortCircuit: true }
  const resolved = next(specifier, context)
  if (variant === undefined || partOf(resolved.url) !== partOf(context.parentURL)) return resolved
  return { ...resolved, url: `${resolved.url}?variant=${variant}` }
}

const load: NonNullable<Hooks['load']> = (url, context, next) => {
  const loaded = next(url, context)
  const variant = variantOf(url) ?? ''
  const mutation = registered.get(variant)?.mutation
  if (mutation === undefined || !url.startsWith(`${supervisorFolder}${mutation.file}?`)) return loaded
  const source = String(loaded.source)
  const pieces = source.split(mutation.find)
  if (pieces.length !== 2) {
    throw new Error(`${mutation.name}: ${mutation.file} has ${pieces.length - 1} times: ${mutation.find}`)
  }
  applied.add(variant)
  return { ...loaded, source: pieces.join(mutation.replace) }
}

/** What all parts share, `core/`, is there once. */
function partOf(url: string | undefined): string | undefined {
  return url?.startsWith(supervisorFolder) ? url.slice(supervisorFolder.length).split('/')[0] : undefined
}

function variantOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : /\?variant=(.+)$/.exec(url)?.[1]
}
