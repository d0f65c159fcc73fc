// Which images have to be built, and why. Pure.

import type { Graph } from './graph.ts'
import type { Inputs } from './inputs.ts'
import { unseen } from './inputs.ts'

/** What is known of the last build of a target. */
export interface Made {
  /** Digests of everything that went in, also of the targets below it: by the target's name, then by the input's. */
  readonly inputs: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly image: string
  /** ISO time. */
  readonly at: string
}

export type Change =
  | 'changed'
  | 'added'
  | 'removed'
  | 'never built'
  | 'gone'
  | 'replaced'
  | 'unseen'
  | 'asked'

export interface Reason {
  readonly change: Change
  /** The input, or the image's name. */
  readonly name: string
  /** The target whose input it is: the target itself, or one that it is built on. */
  readonly of: string
}

export interface Decision {
  readonly target: string
  readonly tags: readonly string[]
  /** Empty when the image is up to date. */
  readonly reasons: readonly Reason[]
  readonly inputs: Made['inputs']
}

/**
 * @param made what was recorded, by the first tag
 * @param imageId what a tag stands for now
 */
export function decide(
  graph: Graph,
  inputs: ReadonlyMap<string, Inputs>,
  made: ReadonlyMap<string, Made>,
  imageId: (tag: string) => string | undefined,
): Decision[] {
  return graph
    .filter(({ isWanted }) => isWanted)
    .map(({ name, tags }) => {
      const all = allInputs(name, inputs)
      const last = made.get(keyOf(name, tags))
      return { target: name, tags, inputs: all, reasons: reasonsOf(name, tags, all, last, inputs, imageId) }
    })
}

/** A target without a tag has only its name. */
export function keyOf(name: string, tags: readonly string[]): string {
  return tags[0] ?? `target ${name}`
}

function reasonsOf(
  name: string,
  tags: readonly string[],
  all: Made['inputs'],
  last: Made | undefined,
  inputs: ReadonlyMap<string, Inputs>,
  imageId: (tag: string) => string | undefined,
): Reason[] {
  const image = tags[0] ?? name
  if (!last) return [{ change: 'never built', name: image, of: name }]
  const wrong = tags.flatMap((tag): Reason[] => {
    const id = imageId(tag)
    if (id === last.image) return []
    return [{ change: id === undefined ? 'gone' : 'replaced', name: tag, of: name }]
  })
  const hidden = Object.keys(all).flatMap((of): Reason[] => {
    const own = inputs.get(of)
    const what = own && unseen(own)
    return what === undefined ? [] : [{ change: 'unseen', name: what, of }]
  })
  return [...wrong, ...hidden, ...differences(last.inputs, all)]
}

function differences(before: Made['inputs'], now: Made['inputs']): Reason[] {
  const owners = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return owners.flatMap((of) => {
    const [old, recent] = [before[of] ?? {}, now[of] ?? {}]
    const names = [...new Set([...Object.keys(old), ...Object.keys(recent)])].sort()
    return names.flatMap((name): Reason[] => {
      if (old[name] === recent[name]) return []
      const change = old[name] === undefined ? 'added' : recent[name] === undefined ? 'removed' : 'changed'
      return [{ change, name, of }]
    })
  })
}

function allInputs(name: string, inputs: ReadonlyMap<string, Inputs>): Made['inputs'] {
  const all: Record<string, Record<string, string>> = {}
  const add = (of: string) => {
    const own = inputs.get(of)
    if (!own || all[of]) return
    all[of] = Object.fromEntries(own.own)
    for (const below of own.below) add(below)
  }
  add(name)
  return all
}

/** One line a cause, with the targets that it makes anew. */
export interface Cause {
  readonly text: string
  readonly targets: readonly string[]
}

export function causesOf(decisions: readonly Decision[]): Cause[] {
  const causes = new Map<string, string[]>()
  for (const { target, reasons } of decisions) {
    for (const reason of reasons) {
      const text = describeReason(reason)
      causes.set(text, [...(causes.get(text) ?? []), target])
    }
  }
  return [...causes].map(([text, targets]) => ({ text, targets }))
}

function describeReason({ change, name }: Reason): string {
  switch (change) {
    case 'changed':
      return `${name} changed`
    case 'added':
      return `${name} is new`
    case 'removed':
      return `${name} is no longer part of it`
    case 'never built':
      return `no build of ${name} is on record`
    case 'gone':
      return `the image ${name} is gone`
    case 'replaced':
      return `the image ${name} is not the one that was built`
    case 'unseen':
      return `${name} can't be looked into`
    case 'asked':
      return `${name} was given`
  }
}
