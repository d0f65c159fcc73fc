// What an id stands for: the hash of target, key and work. Mode and expiry are how it is asked for, not what is asked; nor
// is the queue of a record, which its supervisor has forgotten when a flow says again that it is done.

import { createHash } from 'node:crypto'
import { canonical, type Json } from '../core/json.ts'
import type { ContentHash, Operation, Work } from '../core/operation.ts'

export interface Content {
  readonly contentHash: ContentHash
  /** Of the operation as JSON. */
  readonly bytes: number
}

export function contentOf({ target, key, work }: Pick<Operation, 'target' | 'key' | 'work'>): Content {
  const text = canonical({ target, key, work: workAsJson(identityOf(work)) })
  const bytes = Buffer.from(text)
  return { contentHash: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
}

function identityOf(work: Work): Work {
  if (work.kind !== 'sql' || work.record?.queue === undefined) return work
  const { queue: _, ...record } = work.record
  return { ...work, record }
}

/** Without the fields that are not there. */
export function workAsJson(work: Work): Json {
  return Object.fromEntries(Object.entries(work).filter(([, value]) => value !== undefined)) as Json
}
