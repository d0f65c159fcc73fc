// What a submitted operation is answered when it is not simply applied or queued.

import type { ErrorCode, FlowkeepError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { ContentHash, Operation } from '../core/operation.ts'
import type { Submitted } from '../core/queue.ts'
import type { Unreached } from '../core/target.ts'
import type { Appended, Known } from './journal.ts'
import { wasOvertaken } from './overtaken.ts'

export type Refused = Extract<Submitted, { state: 'refused' }>

export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly field?: string
  readonly hint: string
}

export function refuse(id: string | undefined, error: Refusal, retryAfterSeconds?: number): Refused {
  return { state: 'refused', id, error, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
}

export function applied(id: string, result: Json | undefined): Submitted {
  return { state: 'applied', id, ...(result === undefined ? {} : { result }) }
}

export function queued(id: string): Submitted {
  return { state: 'queued', id }
}

export function conflict(id: string): Refused {
  return refuse(id, {
    code: 'operation_conflict',
    field: 'id',
    message: `the id "${id}" was used before for an operation with other content`,
    hint: 'Give each different effect an id of its own; to repeat an operation, send the same content again.',
  })
}

export function tooLargeToQueue(
  id: string,
  { bytes, maxBytes }: { bytes: number; maxBytes: number },
): Refused {
  return refuse(id, {
    code: 'operation_too_large',
    message: `in the queue it would take ${bytes} bytes, and CONTAINER_QUEUE_MAX_BYTES allows ${maxBytes} for all`,
    hint: 'Submit several smaller operations, or raise CONTAINER_QUEUE_MAX_BYTES.',
  })
}

/** The journal knows the id. */
export function knownBefore(operation: Operation, contentHash: ContentHash, known: Known): Submitted {
  const { id } = operation
  if (known.contentHash !== contentHash) return conflict(id)
  if (known.state === 'done')
    return wasOvertaken(operation, known.result) ? epochStale(id) : applied(id, known.result)
  if (known.state !== 'dead') return queued(id)
  return refuse(id, {
    code: 'operation_refused',
    message: `the operation "${id}" was queued before and has become a dead letter`,
    hint: `See why with "flowkeep queue show ${id}"; then retry or discard it.`,
  })
}

export function full(id: string, bound: Extract<Appended, { state: 'full' }>['bound']): Refused {
  if (bound === 'disk') {
    return refuse(
      id,
      {
        code: 'disk_full',
        message: 'the disk under the state directory has no room for another operation',
        hint: 'Free space on the volume; what is queued already stays and still drains.',
      },
      limits.submitRetrySeconds,
    )
  }
  const variable = bound === 'bytes' ? 'CONTAINER_QUEUE_MAX_BYTES' : 'CONTAINER_QUEUE_MAX_OPERATIONS'
  return refuse(
    id,
    {
      code: 'queue_full',
      message: `the local queue holds as much as ${variable} allows`,
      hint: 'Bring its target back, then the queue drains by itself; submit again after a pause.',
    },
    limits.submitRetrySeconds,
  )
}

export function tooManyUnderWay(id: string | undefined): Refused {
  return refuse(
    id,
    {
      code: 'queue_full',
      message: `${limits.submissions} operations, or ${limits.submissionBytes} bytes of them, wait for their answer already`,
      hint: 'Wait for answers before more is submitted.',
    },
    1,
  )
}

export function draining(id: string | undefined): Refused {
  return refuse(
    id,
    {
      code: 'draining',
      message: 'the container is stopping and takes no new operations',
      hint: 'Submit to another replica, or again after the restart.',
    },
    limits.submitRetrySeconds,
  )
}

export function laneBusy({ id, key, target }: Operation): Refused {
  const lane = key === '' ? `the default lane of ${target}` : `the lane "${key}" of ${target}`
  return refuse(
    id,
    {
      code: 'lane_busy',
      field: 'mode',
      message: `${lane} has operations that come first`,
      hint: 'Submit with mode "auto" or "queue" if it may be applied later, or again after a pause.',
    },
    1,
  )
}

export function unavailable(
  { id, target }: Operation,
  why: Pick<Unreached, 'reason' | 'message'>,
  waitMs = 0,
): Refused {
  const missing = why.reason === 'schema_missing'
  return refuse(
    id,
    {
      code: missing ? 'schema_missing' : 'dependency_unavailable',
      field: 'target',
      message: `${target} cannot take it now: ${why.message}`,
      hint: missing
        ? 'Run "flowkeep migrate" with a user that may create a schema.'
        : 'Submit with mode "auto" or "queue" to have it applied when the target is back.',
    },
    Math.max(1, Math.ceil(waitMs / 1000)),
  )
}

export function forbidden({ id, target }: Operation, why: { code: string; message: string }): Refused {
  return refuse(
    id,
    {
      code: 'dependency_unavailable',
      field: 'target',
      message: `${target} lacks a permission (${why.code}): ${why.message}`,
      hint: 'Grant what the message names, then submit it again.',
    },
    limits.submitRetrySeconds,
  )
}

export function outcomeUnknown(id: string, message: string): Refused {
  return refuse(
    id,
    {
      code: 'outcome_unknown',
      message: `whether the operation was taken is not known: ${message}`,
      hint: 'Submit the same operation again under the same id: that finds out, and never applies it twice.',
    },
    1,
  )
}

export function refusedByTarget(id: string, target: string, why: { code: string; message: string }): Refused {
  return refuse(id, {
    code: 'operation_refused',
    message: `${target} refuses it (${why.code}): ${why.message}`,
    hint: 'Mend what the message names; the same operation will be refused again.',
  })
}

export function cancelledBefore(id: string): Refused {
  return refuse(id, {
    code: 'operation_refused',
    field: 'id',
    message: `an operation with the id "${id}" was cancelled before it was applied, and never will be`,
    hint: 'Submit it under a new id if it is still wanted.',
  })
}

export function expired(id: string): Refused {
  return refuse(id, {
    code: 'operation_refused',
    field: 'expiresAt',
    message: 'its expiresAt has passed, so it was not applied',
    hint: 'Submit it under a new id with a later expiresAt, or none, if it is still wanted.',
  })
}

export function epochStale(id: string): Refused {
  return refuse(id, {
    code: 'epoch_stale',
    message: 'the record has a newer owner, whose effects stand',
    hint: 'Drop the record: it belongs to somebody else now.',
  })
}

export function notWritten(id: string, { code, message, hint }: FlowkeepError): Refused {
  return refuse(id, { code, message, hint }, limits.submitRetrySeconds)
}

export function journalUnreadable(id: string, message: string): Refused {
  return refuse(
    id,
    {
      code: 'state_directory_unavailable',
      message: `the local queue cannot be read: ${message}`,
      hint: 'Look at the disk under the state directory.',
    },
    limits.submitRetrySeconds,
  )
}
