// The records on the control socket: enqueue, claim, settle. Everything about a record itself is the desk's to judge;
// here a request becomes one call of it, and what it says an HTTP answer.

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseExact } from '../core/json.ts'
import type { Completion, HandedRecord, RecordAction, Records } from '../core/records.ts'
import type { ReadBody } from './body-reader.ts'
import { RequestError } from './envelope.ts'

const actions: readonly RecordAction[] = ['complete', 'fail', 'release']

export function addRecordRoutes(app: FastifyInstance, records: Records, readBody: ReadBody): void {
  app.register(async (scope) => {
    takeExactJson(scope, readBody)
    scope.post('/v1/records/enqueue', async (request) => records.enqueue(request.body))
    scope.post('/v1/records/claim', async (request, reply) => claim(records, request, reply))
    scope.post('/v1/records/complete', async (request, reply) => {
      const completions = await records.completeAll(request.body)
      return reply.code(statusOf(completions)).send({ records: completions })
    })
    for (const action of actions) {
      scope.post(`/v1/records/:id/${action}`, async (request, reply) => {
        const { id } = request.params as { id: string }
        const settled = await records.settle(action, id, request.body)
        return reply.code(settled.state === 'applied' ? 200 : 202).send(settled)
      })
    }
  })
}

/** Whoever asked and went away has not got them: then others may. */
async function claim(records: Records, request: FastifyRequest, reply: FastifyReply) {
  const gone = new AbortController()
  const { raw: response } = reply
  let undelivered: () => void = () => {}
  response.once('close', () => {
    gone.abort()
    if (!response.writableFinished) undelivered()
  })
  const handed = await records.claim(request.body, gone.signal)
  undelivered = handed.undelivered
  return reply.header('content-type', 'application/json').send(textOf(handed.records))
}

/** Payloads go as they came, unread. */
function textOf(records: readonly HandedRecord[]): string {
  const texts = records.map(({ id, key, payload, attempt, epoch, leaseExpiresAt }) => {
    const fields = JSON.stringify({ id, key, attempt, epoch, leaseExpiresAt })
    return `${fields.slice(0, -1)},"payload":${payload}}`
  })
  return `{"records":[${texts.join(',')}]}\n`
}

function statusOf(completions: readonly Completion[]): number {
  if (completions.some(({ state }) => state === 'refused')) return 207
  return completions.some(({ state }) => state === 'queued') ? 202 : 200
}

/** JSON that keeps the digits of every number, and text that is UTF-8. */
function takeExactJson(app: FastifyInstance, readBody: ReadBody): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', async (_request: unknown, body: IncomingMessage) =>
    readBody(body, readJson),
  )
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    if (body.length > 0) throw Object.assign(new Error('a body must be JSON'), { statusCode: 415 })
    return undefined
  })
}

function readJson(body: Buffer): unknown {
  const hint = 'Send a JSON object in UTF-8.'
  if (!isUtf8(body)) throw new RequestError({ message: 'the body is not UTF-8', field: 'body', hint })
  if (body.length === 0) return undefined
  try {
    return parseExact(body.toString())
  } catch (error) {
    const [where = ''] = / at position \d+/.exec(String(error)) ?? []
    throw new RequestError({ message: `the body is not JSON${where}`, field: 'body', hint })
  }
}
