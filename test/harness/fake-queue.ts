// An operation queue in memory that remembers what was passed on to it. It judges as little as it can.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import type {
  ListRequest,
  OperationQueue,
  OperationView,
  QueueStats,
  Submitted,
  TargetStats,
} from '../../supervisor/core/queue.ts'

export interface FakeQueue extends OperationQueue {
  /** Every operation that was passed on, in order. */
  readonly passedOn: unknown[]
  readonly listed: ListRequest[]
  readonly mended: string[]
}

export interface FakeQueueOptions {
  readonly answer?: (raw: unknown, index: number) => Submitted
  readonly held?: readonly OperationView[]
  readonly stats?: Partial<QueueStats>
  readonly next?: string
}

export const view: OperationView = {
  id: 'order-1',
  target: 'rpa_db',
  key: null,
  state: 'queued',
  attempts: 0,
  acceptedAt: '2030-01-01T00:00:00.000Z',
  changedAt: '2030-01-01T00:00:01.000Z',
  expiresAt: null,
  reason: null,
}

export const emptyStats: QueueStats = {
  operations: 0,
  bytes: 0,
  maxOperations: 1_000_000,
  maxBytes: 1024 ** 3,
  oldestAgeMs: null,
  full: null,
  failing: null,
  corruptEntries: 0,
  quarantinedFiles: [],
  adoptedSlots: 0,
  targets: {},
}

export const idleTarget: TargetStats = {
  kind: 'database',
  queued: 0,
  held: 0,
  dead: 0,
  oldestAgeMs: null,
  breaker: 'closed',
  reason: null,
}

export function createFakeQueue(options: FakeQueueOptions = {}): FakeQueue {
  const { answer = queueWhatHasAnId, held = [], stats = {}, next } = options
  const passedOn: unknown[] = []
  const listed: ListRequest[] = []
  const mended: string[] = []
  const find = (id: string) => held.find((operation) => operation.id === id)
  const mend = async (how: string, id: string) => {
    if (!find(id)) throw refusal('not_found')
    mended.push(`${how} ${id}`)
  }
  return {
    passedOn,
    listed,
    mended,
    async submit(raw) {
      return raw.map((each) => answer(each, passedOn.push(each) - 1))
    },
    async list(request) {
      listed.push(request)
      const operations = held.filter(({ state }) => state === request.state)
      return { operations, ...(next !== undefined && { next }) }
    },
    show: async (id) => find(id),
    retry: (id) => mend('retry', id),
    discard: (id) => mend('discard', id),
    stats: () => ({ ...emptyStats, ...stats }),
  }
}

export function refusal(code: 'not_found' | 'wrong_state'): FlowkeepError {
  return new FlowkeepError(code, { operation: 'cannot mend it', message: code, hint: 'Look at the list.' })
}

/** The least that an operation has to be: an object with an id of ours. */
export function queueWhatHasAnId(raw: unknown): Submitted {
  const id = (raw as { id?: unknown } | null)?.id
  if (typeof id === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(id)) return { state: 'queued', id }
  const error = {
    code: 'invalid_request',
    message: 'it has no id',
    field: 'id',
    hint: 'Give it one.',
  } as const
  return { state: 'refused', id: undefined, error }
}
