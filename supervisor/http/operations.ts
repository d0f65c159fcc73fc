// The operations on the control socket: submit, look, mend. Everything about an operation itself is the queue's to
// judge; here a request becomes one call of it, and what it says an HTTP answer.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { catalogue, FlowkeepError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ListRequest, OperationQueue, Submitted } from '../core/queue.ts'
import { expectNoBody, type Item, type Submission, takeOperations } from './bodies.ts'
import type { ReadBody } from './body-reader.ts'
import { RequestError, refuse } from './envelope.ts'

type Refused = Extract<Submitted, { state: 'refused' }>

export function addOperationRoutes(app: FastifyInstance, queue: OperationQueue, readBody: ReadBody): void {
  app.register(async (scope) => {
    takeOperations(scope, readBody)
    scope.post('/v1/operations', async (request, reply) => submit(queue, request, reply))
  })
  app.get('/v1/operations', async (request) => queue.list(readListRequest(request.query)))
  app.get('/v1/operations/:id', async (request) => {
    const id = idOf(request)
    const operation = await queue.show(id)
    if (operation === undefined) throw unknownOperation(id)
    return operation
  })
  app.post('/v1/operations/:id/retry', async (request) => {
    const id = idOf(request)
    expectNoBody(request.body)
    await queue.retry(id)
    return { id, state: 'queued' }
  })
  app.delete('/v1/operations/:id', async (request) => {
    const id = idOf(request)
    expectNoBody(request.body)
    await queue.discard(id)
    return { id, state: 'discarded' }
  })
}

async function submit(queue: OperationQueue, request: FastifyRequest, reply: FastifyReply) {
  const submission = request.body as Submission | undefined
  if (submission === undefined) {
    throw new RequestError({ message: 'it has no body', field: 'body', hint: 'Send an operation as JSON.' })
  }
  const answers = await submitAll(queue, submission.items)
  const [first] = answers
  return submission.alone && first ? answerOne(first, reply) : answerSeveral(answers, reply)
}

/** The answers are in the order of the items, also those to lines that could not be read. */
async function submitAll(queue: OperationQueue, items: readonly Item[]): Promise<readonly Submitted[]> {
  const readable = items.flatMap((item) => ('value' in item ? [item.value] : []))
  const taken = readable.length > 0 ? await queue.submit(readable) : []
  let next = 0
  return items.map((item) => {
    if ('unreadable' in item) return unreadableLine(item)
    const answer = taken[next++]
    if (answer === undefined) throw new Error('the queue has not answered every operation')
    return answer
  })
}

function unreadableLine({ unreadable, line }: Extract<Item, { line: number }>): Refused {
  return {
    state: 'refused',
    id: undefined,
    error: {
      code: 'invalid_request',
      message: `line ${line}: ${unreadable}`,
      field: `line ${line}`,
      hint: 'Send one JSON object on each line. The other lines were taken as they are answered here.',
    },
  }
}

function answerOne(answer: Submitted, reply: FastifyReply) {
  if (answer.state === 'refused') {
    return refuse(reply, { ...answer.error, retryAfterSeconds: answer.retryAfterSeconds })
  }
  return reply.code(answer.state === 'applied' ? 200 : 202).send(answer)
}

function answerSeveral(answers: readonly Submitted[], reply: FastifyReply) {
  const refused = answers.filter((answer) => answer.state === 'refused')
  const queued = answers.some(({ state }) => state === 'queued')
  const waits = refused.flatMap((answer) => secondsToWait(answer))
  if (waits.length > 0) reply.header('retry-after', String(Math.max(...waits)))
  return reply.code(refused.length > 0 ? 207 : queued ? 202 : 200).send({ operations: answers.map(lineOf) })
}

function secondsToWait({ error, retryAfterSeconds }: Refused): number[] {
  const { httpStatus } = catalogue[error.code]
  return httpStatus === 429 || httpStatus === 503 ? [retryAfterSeconds ?? limits.httpRetryAfterSeconds] : []
}

/** One of several is told what became of it; a result is for who sends one alone. */
function lineOf(answer: Submitted) {
  if (answer.state !== 'refused') return { id: answer.id, state: answer.state }
  const { code, message, field, hint } = answer.error
  const error = { code, message, ...(field !== undefined && { field }), hint }
  return { id: answer.id ?? null, state: answer.state, error }
}

const idPattern = /^[A-Za-z0-9._:-]{1,128}$/

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string }
  if (idPattern.test(id)) return id
  throw new RequestError({
    message: 'that is no id of an operation',
    field: 'id',
    hint: 'An id has 1 to 128 letters, digits and . _ : -',
  })
}

function unknownOperation(id: string): FlowkeepError {
  return new FlowkeepError('not_found', {
    operation: 'cannot show the operation',
    subject: id,
    message: `the queue does not hold ${id}`,
    hint: 'It was applied, discarded, or never taken here; GET /v1/operations lists what is held.',
  })
}

const states = ['queued', 'held', 'dead'] as const

function readListRequest(query: unknown): ListRequest {
  const given = query as Readonly<Record<string, unknown>>
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(listFields, name))
  if (unknown !== undefined) {
    const hint = `It takes ${Object.keys(listFields).join(', ')}.`
    throw new RequestError({ message: 'the query has a name that means nothing here', field: unknown, hint })
  }
  const target = readField(given, 'target')
  const after = readField(given, 'after')
  return {
    state: states.find((state) => state === readField(given, 'state')) ?? 'queued',
    ...(target !== undefined && { target }),
    ...(after !== undefined && { after }),
    limit: Number(readField(given, 'limit') ?? limits.operationsPerPage),
  }
}

const listFields = {
  state: { pattern: /^(?:queued|held|dead)$/, expected: states.join(', ') },
  target: { pattern: /^[\w.:-]{1,128}$/, expected: 'the name of a database or service' },
  after: { pattern: /^[\w.:=-]{1,256}$/, expected: 'what the page before gave as next' },
  limit: {
    pattern: /^(?:[1-9]\d{0,2}|1000)$/,
    expected: `a whole number from 1 to ${limits.operationsPerPageMax}`,
  },
}

function readField(
  given: Readonly<Record<string, unknown>>,
  name: keyof typeof listFields,
): string | undefined {
  const value = given[name]
  const { pattern, expected } = listFields[name]
  if (value === undefined || (typeof value === 'string' && pattern.test(value))) return value
  throw new RequestError({
    message: `${name} is not as expected`,
    field: name,
    hint: `Give ${expected}; once.`,
  })
}
