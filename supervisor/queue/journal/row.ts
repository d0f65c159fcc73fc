// An operation as a row. Each carries checksums of its own: SQLite's integrity check does not look at what a cell says,
// and one flipped bit of a payload passes it.

import { crc32 } from 'node:zlib'
import { type Json, parseExact } from '../../core/json.ts'
import type { Operation, Work } from '../../core/operation.ts'
import type { Entry, ListedEntry, NewEntry, Reason, ShownEntry } from '../journal.ts'
import { place } from './schema.ts'

export interface Row {
  seq: number
  readonly id: string
  readonly target: string
  /** JSON, since a key may hold what SQLite's text cannot. */
  readonly lane: string
  readonly hash: string
  readonly work: string
  readonly expires_at: number | null
  readonly bytes: number
  crc: number
  place: number
  held: number
  /** Counts openings; an entry of an earlier one may have been delivered. */
  session: number
  maybe: number
  revision: number
  attempts: number
  accepted_at: number
  changed_at: number
  reason: string | null
  state_crc: number
}

export const columns =
  'seq, id, target, lane, hash, work, expires_at, bytes, crc, place, held, session, maybe, revision, attempts, accepted_at, changed_at, reason, state_crc'

/** Bytes that a row and its places in the indexes take beside its texts. */
const overheadBytes = 256

/** Thrown where what is read cannot be what was written. */
export class Corrupt extends Error {}

/** An entry as it goes to the store: flat, and its work as text, so that it crosses threads with every digit. */
export interface Draft {
  readonly id: string
  readonly target: string
  readonly lane: string
  readonly hash: string
  readonly work: string
  readonly expiresAt: number | null
  readonly maybe: 0 | 1
}

export function laneOf(key: string): string {
  return JSON.stringify(key)
}

export function draftOf({ operation, contentHash, maybeApplied }: NewEntry): Draft {
  return {
    id: operation.id,
    target: operation.target,
    lane: laneOf(operation.key),
    hash: contentHash,
    work: JSON.stringify(operation.work),
    expiresAt: operation.expiresAtMs ?? null,
    maybe: maybeApplied ? 1 : 0,
  }
}

/** What it weighs on disk. */
export function bytesOf({ work, lane, id }: Draft): number {
  return Buffer.byteLength(work) + Buffer.byteLength(lane) + id.length + overheadBytes
}

export function newRow(
  draft: Draft,
  at: { seq: number; session: number; wallMs: number; bytes: number },
): Row {
  const { id, target, lane, hash, work, expiresAt, maybe } = draft
  return sealed({
    seq: at.seq,
    id,
    target,
    lane,
    hash,
    work,
    expires_at: expiresAt,
    bytes: at.bytes,
    crc: 0,
    place: place.behind,
    held: 0,
    session: at.session,
    maybe,
    revision: 1,
    attempts: 0,
    accepted_at: at.wallMs,
    changed_at: at.wallMs,
    reason: null,
    state_crc: 0,
  })
}

/** With the checksums of what it says now. */
export function sealed(row: Row): Row {
  row.crc = crcOf(row)
  row.state_crc = stateCrcOf(row)
  return row
}

export function isSound(row: Row): boolean {
  return row.crc === crcOf(row) && row.state_crc === stateCrcOf(row)
}

export function checked(row: Row): Row {
  if (!isSound(row)) throw new Corrupt(`the checksum of entry ${row.seq} is wrong`)
  return row
}

function crcOf(row: Row): number {
  const { seq, id, target, lane, hash, expires_at, bytes, work } = row
  return crc32(work, crc32([seq, id, target, lane, hash, expires_at, bytes].join('\0')))
}

function stateCrcOf(row: Row): number {
  const { held, session, maybe, revision, attempts, accepted_at, changed_at, reason } = row
  const dead = row.place === place.dead
  const parts = [dead, held, session, maybe, revision, attempts, accepted_at, changed_at, reason]
  return crc32(parts.join('\0'), row.crc)
}

export function entryOf(row: Row): Entry {
  return { ...outlineOf(row), operation: operationOf(row) }
}

export function shownOf(row: Row): ShownEntry {
  return { ...listedOf(row), operation: operationOf(row) }
}

export function listedOf(row: Row): ListedEntry {
  return {
    ...outlineOf(row),
    operation: addressOf(row),
    state: stateOf(row),
    reason: row.reason === null ? undefined : (JSON.parse(row.reason) as Reason),
    changedAtWallMs: row.changed_at,
  }
}

function outlineOf(row: Row): Omit<Entry, 'operation'> {
  return {
    seq: row.seq,
    contentHash: row.hash,
    revision: row.revision,
    attempts: row.attempts,
    acceptedAtWallMs: row.accepted_at,
    maybeApplied: row.maybe === 1,
  }
}

export function stateOf(row: Pick<Row, 'place' | 'held'>): 'queued' | 'held' | 'dead' {
  if (row.place === place.dead) return 'dead'
  return row.held ? 'held' : 'queued'
}

function addressOf({ id, target, lane, expires_at }: Row): Omit<Operation, 'work'> {
  return { id, target, key: JSON.parse(lane) as string, expiresAtMs: expires_at ?? undefined }
}

function operationOf(row: Row): Operation {
  const { id, target, key, expiresAtMs } = addressOf(row)
  const work = parseExact(row.work) as unknown as Work
  return {
    ...{ id, target, key },
    // JSON has no undefined: a request without a body was written without one.
    work: work.kind === 'http' ? { ...work, body: work.body as Json | undefined } : work,
    expiresAtMs,
  }
}
