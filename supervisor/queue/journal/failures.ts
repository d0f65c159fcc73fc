// What can go wrong with the journal's disk: which kind of failure it is, and how it is told.

import { codeOf, FlowkeepError, messageOf } from '../../core/errors.ts'
import { NewerSchema } from './database.ts'
import { Corrupt } from './row.ts'

/** https://www.sqlite.org/rescode.html */
const sqliteKinds: Readonly<Record<number, 'full' | 'corrupt' | 'failed'>> = {
  1: 'corrupt', // no such table: the schema is damaged
  3: 'failed', // permission
  5: 'failed', // busy: another process has it open
  8: 'failed', // read only
  10: 'failed', // input or output error
  11: 'corrupt',
  13: 'full',
  14: 'failed', // cannot open
  19: 'corrupt', // a constraint: an index does not know of a row
  26: 'corrupt', // not a database
}

export function kindOf(error: unknown): 'full' | 'corrupt' | 'failed' | 'other' {
  if (error instanceof Corrupt) return 'corrupt'
  const { errcode, code } = (error ?? {}) as { errcode?: number; code?: unknown }
  if (typeof errcode === 'number') return sqliteKinds[errcode & 0xff] ?? 'other'
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full'
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? 'failed' : 'other'
}

export function unavailable(directory: string, cause: unknown): FlowkeepError {
  if (cause instanceof FlowkeepError) return cause
  return new FlowkeepError('state_directory_unavailable', {
    operation: 'cannot use the journal of the operation queue',
    subject: directory,
    message: `${directory}: ${codeOf(cause) ?? ''} ${messageOf(cause)}`.replace(/ +/, ' '),
    hint:
      cause instanceof NewerSchema
        ? 'run the version of Flowkeep that wrote it, or a later one, until its queue is empty'
        : 'see whether the volume is mounted, writable and healthy; the journal is opened again by itself',
    cause,
  })
}

export function diskFull(directory: string, cause: unknown): FlowkeepError {
  return new FlowkeepError('disk_full', {
    operation: 'cannot write the journal of the operation queue',
    subject: directory,
    message: `${directory}: there is no space left`,
    hint: 'make room on the volume under CONTAINER_STATE_DIRECTORY; what is in the queue stays',
    cause,
  })
}

export function closed(directory: string): FlowkeepError {
  return new FlowkeepError('draining', {
    operation: 'cannot use the journal of the operation queue',
    subject: directory,
    message: 'it is closed',
    hint: 'start the supervisor again',
  })
}

/** Written perhaps: the failure came while the disk was at it. */
export function unsure(directory: string, cause: FlowkeepError): FlowkeepError {
  return new FlowkeepError('outcome_unknown', {
    operation: 'cannot write the journal of the operation queue',
    subject: directory,
    message: cause.message,
    hint: 'do the same again: what is in the journal by then is found',
    cause,
  })
}

/** @param problem what has become of it */
export function removed(directory: string, problem: string): FlowkeepError {
  return new FlowkeepError('state_directory_unavailable', {
    operation: 'cannot write the journal of the operation queue',
    subject: directory,
    message: `${directory}: ${problem}, so nothing new is taken; what is in the queue is still drained`,
    hint: 'start the container again, which makes a new one; see who removes files under CONTAINER_STATE_DIRECTORY',
  })
}
