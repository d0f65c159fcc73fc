// What bodies the control socket takes. Bytes that are not UTF-8 are refused: read leniently, they would change on
// their way into a database.

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { ReadBody } from './body-reader.ts'
import { RequestError } from './envelope.ts'

/** An empty body is no body, whatever its type says: `curl -X POST -H 'content-type: application/json'`. */
export function takeJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else parseJson(request, body as string, done)
  })
  refuseOtherTypes(app)
}

/** For a request that is complete without a body. */
export function expectNoBody(body: unknown): void {
  const given = body ?? {}
  const [unknown] = typeof given === 'object' && !Array.isArray(given) ? Object.keys(given) : ['body']
  if (unknown === undefined) return
  throw new RequestError({
    message: 'it has a field that means nothing here',
    field: unknown,
    hint: 'Send no body, or {}.',
  })
}

/** One value as it came, or why it could not be read and on which line. */
export type Item = { readonly value: unknown } | { readonly unreadable: string; readonly line: number }

export interface Submission {
  /** One operation by itself, which is answered by itself. */
  readonly alone: boolean
  readonly items: readonly Item[]
}

/** One operation, an array of them, or one on each line. What it makes of a body is a `Submission`. */
export function takeOperations(app: FastifyInstance, readBody: ReadBody): void {
  app.removeAllContentTypeParsers()
  const take = (type: string, read: (body: Buffer) => Submission) =>
    app.addContentTypeParser(type, async (_request: unknown, body: IncomingMessage) =>
      readBody(body, (bytes) => bounded(read(bytes))),
    )
  take('application/json', fromJson)
  take('application/x-ndjson', fromLines)
  refuseOtherTypes(app)
}

function refuseOtherTypes(app: FastifyInstance): void {
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    done(Object.assign(new Error('a body must be JSON'), { statusCode: 415 }))
  })
}

function fromJson(body: Buffer): Submission {
  const read = readJson(body)
  if ('unreadable' in read) {
    throw new RequestError({
      message: read.unreadable,
      field: 'body',
      hint: 'Send an operation as a JSON object, several as an array, or one on each line as application/x-ndjson.',
    })
  }
  if (!Array.isArray(read.value)) return { alone: true, items: [read] }
  return { alone: false, items: read.value.map((value) => ({ value })) }
}

/**
 * A line that cannot be read is refused by its number and takes no other with it: what stands on the others is whole.
 * Empty lines are counted and stand for nothing.
 */
function fromLines(body: Buffer): Submission {
  const items: Item[] = []
  let line = 0
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(0x0a, start)
    const end = newline === -1 ? body.length : newline
    line++
    const bytes = body.subarray(start, end)
    start = end + 1
    if (isBlank(bytes)) continue
    if (items.length >= limits.operationsPerRequest) throw tooMany()
    const read = readJson(bytes)
    items.push('unreadable' in read ? { ...read, line } : read)
  }
  return { alone: false, items }
}

function readJson(bytes: Buffer): { readonly value: unknown } | { readonly unreadable: string } {
  if (!isUtf8(bytes)) return { unreadable: 'it is not UTF-8' }
  try {
    return { value: parseExact(bytes.toString()) }
  } catch (error) {
    const [where = ''] = / at position \d+/.exec(String(error)) ?? []
    return { unreadable: `it is not JSON${where}` }
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

function bounded(submission: Submission): Submission {
  if (submission.items.length > limits.operationsPerRequest) throw tooMany()
  if (submission.items.length > 0) return submission
  throw new RequestError({
    message: 'there is no operation in it',
    field: 'body',
    hint: 'Send one at least.',
  })
}

function tooMany(): RequestError {
  const most = limits.operationsPerRequest
  return new RequestError({
    status: 413,
    message: `it has more than ${most} operations`,
    hint: `Send at most ${most} in one request; nothing of this one was taken.`,
  })
}
