// From an operation as it came to one that can be trusted: every field of its type and within its bound, nothing
// unknown, a target that exists. Says of the first thing that is wrong its name, what was found and what is expected.

import type { ErrorCode } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { HttpWork, Operation, Prior, Statement, Work } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import { type Refused, refuse } from './answers.ts'
import { type Content, contentOf } from './content.ts'

export type Mode = 'auto' | 'queue' | 'direct'

export interface Submission extends Content {
  readonly operation: Operation
  readonly mode: Mode
}

export interface ParseParts {
  readonly targets: ReadonlyMap<string, Pick<Target, 'kind'>>
  /** What is wrong with one statement; undefined where nothing is. */
  problemOf(sql: string): string | undefined
  newId(): string
}

export type Parsed =
  | { readonly ok: true; readonly submission: Submission }
  | { readonly ok: false; readonly refused: Refused }

/** One field that is wrong. */
class Wrong extends Error {
  readonly field: string
  readonly code: ErrorCode
  readonly hint: string

  constructor(field: string, message: string, hint: string, code: ErrorCode = 'invalid_request') {
    super(message)
    this.field = field
    this.hint = hint
    this.code = code
  }
}

type Fields = ReadonlyMap<string, unknown>

const idForm = /^[A-Za-z0-9._:-]{1,128}$/
const modes: readonly string[] = ['auto', 'queue', 'direct']
const methods: readonly string[] = ['POST', 'PUT', 'PATCH', 'DELETE']
const priorMethods: readonly string[] = ['POST', 'PUT']
const standInForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const common = ['id', 'target', 'key', 'mode', 'expiresAt']
const fieldsOf = {
  statement: [...common, 'sql', 'params'],
  effects: [...common, 'effects'],
  http: [...common, 'before', 'method', 'path', 'body'],
}
const isoForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

export function parseOperation(raw: unknown, parts: ParseParts): Parsed {
  let id: string | undefined
  try {
    const fields = fieldsIn(raw, 'the operation')
    id = readId(fields)
    const target = readTarget(fields, parts.targets)
    const work = readWork(fields, target, parts)
    const operation: Operation = {
      id: id ?? parts.newId(),
      target: target.name,
      key: readKey(fields),
      work,
      expiresAtMs: readExpiry(fields),
    }
    const mode = readMode(fields)
    return { ok: true, submission: { operation, mode, ...boundedContent(operation) } }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    const { code, field, message, hint } = error
    return { ok: false, refused: refuse(id, { code, field, message, hint }) }
  }
}

function readId(fields: Fields): string | undefined {
  const id = fields.get('id')
  if (id === undefined) return undefined
  if (typeof id === 'string' && idForm.test(id)) return id
  throw new Wrong('id', `id is ${shown(id)}`, 'An id is 1 to 128 of the characters A-Z a-z 0-9 . _ : -')
}

interface Named {
  readonly name: string
  readonly kind: Target['kind']
}

function readTarget(fields: Fields, targets: ParseParts['targets']): Named {
  const name = fields.get('target')
  const known = `The configuration names ${[...targets.keys()].join(', ') || 'no database and no service'}.`
  if (typeof name !== 'string') throw new Wrong('target', `target is ${shown(name)}`, known)
  const target = targets.get(name)
  if (!target) throw new Wrong('target', `target ${shown(name)} is none of the databases and services`, known)
  return { name, kind: target.kind }
}

function readKey(fields: Fields): string {
  const key = fields.get('key') ?? ''
  const fits = typeof key === 'string' && key.length <= limits.operationKeyChars && isPlain(key)
  if (fits) return key
  const hint = `A key is text of at most ${limits.operationKeyChars} characters without control characters.`
  throw new Wrong('key', `key is ${shown(key)}`, hint)
}

function readMode(fields: Fields): Mode {
  const mode = fields.get('mode') ?? 'auto'
  if (typeof mode === 'string' && modes.includes(mode)) return mode as Mode
  throw new Wrong('mode', `mode is ${shown(mode)}`, 'A mode is auto, queue or direct.')
}

function readExpiry(fields: Fields): number | undefined {
  const text = fields.get('expiresAt') ?? undefined
  if (text === undefined) return undefined
  const ms = typeof text === 'string' && isoForm.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  const hint = 'Write the time with its zone, such as 2030-01-31T12:00:00Z.'
  throw new Wrong('expiresAt', `expiresAt is ${shown(text)}`, hint)
}

function readWork(fields: Fields, target: Named, parts: ParseParts): Work {
  const shape = shapeOf(fields)
  refuseUnknown(fields, fieldsOf[shape], '')
  if ((shape === 'http') !== (target.kind === 'service')) {
    const wanted = target.kind === 'service' ? 'method, path and body' : 'sql and params, or effects'
    throw new Wrong(
      shape === 'http' ? 'method' : shape === 'effects' ? 'effects' : 'sql',
      `${target.name} is a ${target.kind}`,
      `An operation for it has ${wanted}.`,
    )
  }
  if (shape === 'http') return readHttp(fields)
  if (shape === 'statement') return { kind: 'sql', statements: [readStatement(fields, '', parts)] }
  return { kind: 'sql', statements: readEffects(fields.get('effects'), parts) }
}

function shapeOf(fields: Fields): keyof typeof fieldsOf {
  const found = (['sql', 'effects', 'method'] as const).filter((name) => fields.has(name))
  const hint = 'An operation has either sql (with params), or effects, or method (with path and body).'
  if (found.length === 0) throw new Wrong('sql', 'neither sql nor effects nor method is there', hint)
  if (found.length > 1) throw new Wrong(found[1] ?? 'sql', `${found.join(' and ')} are both there`, hint)
  return found[0] === 'sql' ? 'statement' : found[0] === 'effects' ? 'effects' : 'http'
}

function readEffects(effects: unknown, parts: ParseParts): Statement[] {
  const max = limits.operationStatements
  const hint = `effects is a list of 1 to ${max} objects with sql and params.`
  if (!Array.isArray(effects)) throw new Wrong('effects', `effects is ${shown(effects)}`, hint)
  if (effects.length === 0 || effects.length > max)
    throw new Wrong('effects', `effects has ${effects.length} elements`, hint)
  return effects.map((effect, index) => {
    const at = `effects[${index}].`
    const fields = fieldsIn(effect, `effects[${index}]`)
    refuseUnknown(fields, ['sql', 'params'], at)
    return readStatement(fields, at, parts)
  })
}

function readStatement(fields: Fields, at: string, { problemOf }: ParseParts): Statement {
  const sql = fields.get('sql')
  if (typeof sql !== 'string' || sql.trim() === '')
    throw new Wrong(`${at}sql`, `${at}sql is ${shown(sql)}`, 'sql is one statement with $1… parameters.')
  const params = fields.get('params') ?? []
  const max = limits.statementParameters
  if (!Array.isArray(params) || params.length > max) {
    const found = Array.isArray(params) ? `has ${params.length} elements` : `is ${shown(params)}`
    throw new Wrong(`${at}params`, `${at}params ${found}`, `params is a list of at most ${max} values.`)
  }
  refuseDeep(params, `${at}params`)
  const problem = problemOf(sql)
  if (problem === undefined) return { sql, params }
  const hint = 'Write one statement without transaction control; several go into effects.'
  throw new Wrong(`${at}sql`, `${at}sql ${problem}`, hint, 'operation_refused')
}

function readHttp(fields: Fields): HttpWork {
  const before = readBefore(fields.get('before'))
  const request = readRequest<HttpWork['method']>(fields, '', methods)
  return before.length > 0 ? { kind: 'http', before, ...request } : { kind: 'http', ...request }
}

function readBefore(before: unknown): Prior[] {
  if (before === undefined || before === null) return []
  const max = limits.operationPriors
  if (!Array.isArray(before) || before.length > max) {
    const found = Array.isArray(before) ? `has ${before.length} elements` : `is ${shown(before)}`
    const hint = `before is a list of at most ${max} objects with method, path, body and standsFor.`
    throw new Wrong('before', `before ${found}`, hint)
  }
  return before.map((prior, index) => {
    const at = `before[${index}].`
    const fields = fieldsIn(prior, `before[${index}]`)
    refuseUnknown(fields, ['method', 'path', 'body', 'standsFor'], at)
    const standsFor = fields.get('standsFor')
    if (typeof standsFor !== 'string' || !standInForm.test(standsFor)) {
      const hint = 'standsFor is a UUID: an id that occurs nowhere by chance.'
      throw new Wrong(`${at}standsFor`, `${at}standsFor is ${shown(standsFor)}`, hint)
    }
    return { ...readRequest<Prior['method']>(fields, at, priorMethods), standsFor }
  })
}

function readRequest<M extends HttpWork['method']>(fields: Fields, at: string, allowed: readonly string[]) {
  const method = fields.get('method')
  if (typeof method !== 'string' || !allowed.includes(method))
    throw new Wrong(
      `${at}method`,
      `${at}method is ${shown(method)}`,
      `A method is one of ${allowed.join(', ')}.`,
    )
  const path = fields.get('path')
  if (typeof path !== 'string' || !isPath(path)) {
    const hint = `A path begins with one slash, stays below the service's URL, and has at most ${limits.operationPathChars} printable ASCII characters; others are percent-encoded.`
    throw new Wrong(`${at}path`, `${at}path is ${shown(path)}`, hint)
  }
  const body = fields.get('body') as Json | undefined
  refuseDeep(body, `${at}body`)
  return { method: method as M, path, body }
}

/** Nothing that a URL parser or a server would resolve to somewhere else. */
function isPath(path: string): boolean {
  if (path.length > limits.operationPathChars || !/^\/(?!\/)[\x21-\x7e]*$/.test(path)) return false
  if (/[\\#]/.test(path)) return false
  const [beforeQuery = ''] = path.split('?', 1)
  return beforeQuery.split('/').every((segment) => !/^(\.|%2e){1,2}$/i.test(segment))
}

function boundedContent(operation: Operation): Content {
  const content = contentOf(operation)
  if (content.bytes <= limits.operationBytes) return content
  const message = `the operation has ${content.bytes} bytes as JSON, more than ${limits.operationBytes}`
  throw new Wrong('', message, 'Submit several smaller operations.', 'operation_too_large')
}

/** The own fields alone: what an object inherits, or claims to, means nothing. */
function fieldsIn(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return new Map(Object.entries(value).filter(([, field]) => field !== undefined))
  throw new Wrong('', `${what} is ${shown(value)}`, `${what} is a JSON object.`)
}

function refuseUnknown(fields: Fields, known: readonly string[], at: string): void {
  for (const name of fields.keys()) {
    if (known.includes(name)) continue
    const field = `${at}${name}`.slice(0, 100)
    throw new Wrong(field, `${shown(field)} is not a field`, `The fields here are ${known.join(', ')}.`)
  }
}

/** Without recursion: its depth is the sender's choice. */
function refuseDeep(value: unknown, field: string): void {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.operationNesting) {
      const hint = `At most ${limits.operationNesting} objects and arrays lie inside each other.`
      throw new Wrong(field, `${field} is nested too deeply`, hint)
    }
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
  }
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
