// From bodies as they came to requests that can be trusted. Says of the first thing that is wrong its field, what was
// found and what is expected.

import { createHash } from 'node:crypto'
import { FlowkeepError } from '../core/errors.ts'
import { canonical, type Json } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { Statement } from '../core/operation.ts'
import type { EnqueueRequest, NewRecord } from '../core/record-store.ts'
import type { RecordAction } from '../core/records.ts'

export interface ReadParts {
  /** What is wrong with one statement; undefined where nothing is. */
  problemOf(sql: string): string | undefined
  newId(): string
}

export interface ClaimWish {
  readonly queue: string
  readonly limit: number
  readonly waitMs: number
}

export interface Settling {
  readonly id: string
  readonly epoch: number
  readonly action: RecordAction
  readonly statements: readonly Statement[]
  readonly reason: string
  readonly retry: boolean
}

export class WrongRequest extends FlowkeepError {
  readonly field: string

  constructor(
    field: string,
    message: string,
    hint: string,
    code: 'invalid_request' | 'operation_refused' = 'invalid_request',
  ) {
    super(code, { operation: 'cannot take the request', message, hint })
    this.field = field.slice(0, limits.requestFieldChars)
  }
}

type Fields = ReadonlyMap<string, unknown>

const recordId = /^[1-9]\d{0,18}$/
const requestId = /^[A-Za-z0-9._:-]{1,100}$/
const isoForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/
const int32 = 2 ** 31

export function readEnqueue(body: unknown, { newId }: ReadParts): EnqueueRequest {
  const fields = fieldsIn(body, '', ['id', 'queue', 'records'])
  const queue = readQueue(fields)
  const given = fields.get('records')
  const most = limits.recordsPerRequest
  if (!Array.isArray(given) || given.length === 0 || given.length > most) {
    const found = Array.isArray(given) ? `has ${given.length} elements` : `is ${shown(given)}`
    throw new WrongRequest(
      'records',
      `records ${found}`,
      `records is a list of 1 to ${most} objects with a payload.`,
    )
  }
  const records = given.map((record, index) => readNew(record, `records[${index}].`))
  const id = fields.get('id') ?? newId()
  if (typeof id !== 'string' || !requestId.test(id)) {
    throw new WrongRequest(
      'id',
      `id is ${shown(id)}`,
      'An id is 1 to 100 of the characters A-Z a-z 0-9 . _ : -',
    )
  }
  const content = canonical({ queue, records: given as Json })
  const contentHash = createHash('sha256').update(content).digest('hex')
  return { id: `enqueue:${id}`, contentHash, queue, records }
}

export function readClaim(body: unknown): ClaimWish {
  const fields = fieldsIn(body, '', ['queue', 'limit', 'waitMs'])
  return {
    queue: readQueue(fields),
    limit: readNumber(fields, 'limit', { least: 1, most: limits.recordsBatch, otherwise: 50 }),
    waitMs: readNumber(fields, 'waitMs', { least: 0, most: limits.recordsWaitMs, otherwise: 0 }),
  }
}

export function readSettling(action: RecordAction, id: string, body: unknown, parts: ReadParts): Settling {
  const known = { complete: ['epoch', 'effects'], fail: ['epoch', 'reason', 'retry'], release: ['epoch'] }
  const fields = fieldsIn(body, '', known[action])
  return settlingOf(action, readId(id), fields, '', parts)
}

/** An element of several completions. */
export function readCompletion(element: unknown, parts: ReadParts): Settling {
  const fields = fieldsIn(element, '', ['id', 'epoch', 'effects'])
  return settlingOf('complete', readId(fields.get('id')), fields, '', parts)
}

export function readList(body: unknown): readonly unknown[] {
  const most = limits.recordsBatch
  if (Array.isArray(body) && body.length > 0 && body.length <= most) return body
  const found = Array.isArray(body) ? `has ${body.length} elements` : `is ${shown(body)}`
  throw new WrongRequest(
    'body',
    `the body ${found}`,
    `Send a list of 1 to ${most} objects with id, epoch and effects.`,
  )
}

function settlingOf(
  action: RecordAction,
  id: string,
  fields: Fields,
  at: string,
  parts: ReadParts,
): Settling {
  return {
    ...{ action, id },
    epoch: readNumber(fields, 'epoch', { least: 0, most: Number.MAX_SAFE_INTEGER }),
    statements: readEffects(fields.get('effects') ?? [], at, parts),
    reason: readReason(fields.get('reason') ?? ''),
    retry: readRetry(fields.get('retry') ?? true),
  }
}

function readNew(value: unknown, at: string): NewRecord {
  const fields = fieldsIn(value, at, ['payload', 'key', 'priority', 'runAt'])
  const payload = fields.get('payload')
  if (payload === undefined) {
    throw new WrongRequest(`${at}payload`, `${at}payload is missing`, 'A payload is any JSON, null also.')
  }
  const key = fields.get('key') ?? null
  const most = limits.recordKeyChars
  if (key !== null && (typeof key !== 'string' || key === '' || key.length > most || !isPlain(key))) {
    const hint = `A key is text of 1 to ${most} characters without control characters.`
    throw new WrongRequest(`${at}key`, `${at}key is ${shown(key)}`, hint)
  }
  const runAt = fields.get('runAt') ?? null
  if (
    runAt !== null &&
    (typeof runAt !== 'string' || !isoForm.test(runAt) || Number.isNaN(Date.parse(runAt)))
  ) {
    const hint = 'Write the time with its zone, such as 2030-01-31T12:00:00Z.'
    throw new WrongRequest(`${at}runAt`, `${at}runAt is ${shown(runAt)}`, hint)
  }
  const priority = readNumber(fields, 'priority', { least: -int32, most: int32 - 1, otherwise: 0 }, at)
  return { payload: JSON.stringify(payload), key, priority, runAt }
}

function readQueue(fields: Fields): string {
  const queue = fields.get('queue')
  const most = limits.recordQueueChars
  if (typeof queue === 'string' && queue !== '' && queue.length <= most && isPlain(queue)) return queue
  const hint = `A queue is named by text of 1 to ${most} characters without control characters.`
  throw new WrongRequest('queue', `queue is ${shown(queue)}`, hint)
}

function readId(id: unknown): string {
  if (typeof id === 'string' && recordId.test(id) && BigInt(id) < 2n ** 63n) return id
  throw new WrongRequest(
    'id',
    `id is ${shown(id)}`,
    'Name the record by the id it was claimed with, as text.',
  )
}

function readEffects(effects: unknown, at: string, parts: ReadParts): Statement[] {
  const most = limits.operationStatements
  if (!Array.isArray(effects) || effects.length > most) {
    const found = Array.isArray(effects) ? `has ${effects.length} elements` : `is ${shown(effects)}`
    const hint = `effects is a list of at most ${most} objects with sql and params.`
    throw new WrongRequest(`${at}effects`, `effects ${found}`, hint)
  }
  return effects.map((effect, index) => readStatement(effect, `${at}effects[${index}].`, parts))
}

function readStatement(effect: unknown, at: string, { problemOf }: ReadParts): Statement {
  const fields = fieldsIn(effect, at, ['sql', 'params'])
  const sql = fields.get('sql')
  if (typeof sql !== 'string' || sql.trim() === '') {
    throw new WrongRequest(
      `${at}sql`,
      `${at}sql is ${shown(sql)}`,
      'sql is one statement with $1… parameters.',
    )
  }
  const params = fields.get('params') ?? []
  const most = limits.statementParameters
  if (!Array.isArray(params) || params.length > most) {
    const hint = `params is a list of at most ${most} values.`
    throw new WrongRequest(`${at}params`, `${at}params is not as expected`, hint)
  }
  const problem = problemOf(sql)
  if (problem === undefined) return { sql, params }
  const hint = 'Write one statement without transaction control; several are several effects.'
  throw new WrongRequest(`${at}sql`, `${at}sql ${problem}`, hint, 'operation_refused')
}

function readReason(reason: unknown): string {
  if (typeof reason === 'string')
    return reason.replaceAll('\0', '').toWellFormed().slice(0, limits.recordReasonChars)
  throw new WrongRequest('reason', `reason is ${shown(reason)}`, 'A reason is text.')
}

function readRetry(retry: unknown): boolean {
  if (typeof retry === 'boolean') return retry
  throw new WrongRequest('retry', `retry is ${shown(retry)}`, 'retry is true or false.')
}

function readNumber(
  fields: Fields,
  name: string,
  { least, most, otherwise }: { least: number; most: number; otherwise?: number },
  at = '',
): number {
  const value = fields.get(name) ?? otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  const hint = `${name} is a whole number from ${least} to ${most}.`
  throw new WrongRequest(`${at}${name}`, `${at}${name} is ${shown(value)}`, hint)
}

/** The own fields alone: what an object inherits, or claims to, means nothing. */
function fieldsIn(value: unknown, at: string, known: readonly string[]): Fields {
  const what = at === '' ? 'the body' : at.slice(0, -1)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongRequest(
      at === '' ? 'body' : at.slice(0, -1),
      `${what} is ${shown(value)}`,
      `It is an object with ${known.join(', ')}.`,
    )
  }
  const fields = new Map(Object.entries(value))
  for (const name of fields.keys()) {
    if (known.includes(name)) continue
    throw new WrongRequest(
      `${at}${name}`,
      `${shown(name)} is not a field of ${what}`,
      `The fields here are ${known.join(', ')}.`,
    )
  }
  return fields
}

function isPlain(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return text.isWellFormed() && !/[\0-\x1f\x7f]/.test(text)
}

/** What was found, short enough for a message. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
