// Every refusal on the control socket has the same envelope: `{"error":{"code","message","field"?,"hint"}}`.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { catalogue, type ErrorCode, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { pathOf } from './listener.ts'

export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  /** Where in the request the mistake is. */
  readonly field?: string | undefined
  /** The HTTP status, where it is not the catalogue's. */
  readonly status?: number
  readonly retryAfterSeconds?: number | undefined
}

/** A request that cannot be taken, blamed on one of its fields. */
export class RequestError extends FlowkeepError {
  readonly field: string | undefined
  readonly status: number | undefined

  constructor(refusal: Omit<Refusal, 'code' | 'retryAfterSeconds'> & { readonly code?: ErrorCode }) {
    const { code = 'invalid_request', message, hint } = refusal
    super(code, { operation: 'cannot take the request', message, hint })
    this.field = refusal.field?.slice(0, limits.requestFieldChars)
    this.status = refusal.status
  }
}

export function refuse(reply: FastifyReply, refusal: Refusal): FastifyReply {
  const status = refusal.status ?? catalogue[refusal.code].httpStatus
  if (status === 429 || status === 503) {
    reply.header('retry-after', String(refusal.retryAfterSeconds ?? limits.httpRetryAfterSeconds))
  }
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .header('cache-control', 'no-store')
    .send(envelope(refusal))
}

export function envelope({ code, message, hint, field }: Refusal): string {
  return `${JSON.stringify({ error: { code, message, ...(field !== undefined && { field }), hint } })}\n`
}

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger) {
  if (error instanceof FlowkeepError) {
    const { field, status } = error as RequestError
    const { code, message, hint } = error
    return refuse(reply, { code, message, hint, field, ...(status !== undefined && { status }) })
  }
  const status = (error as { statusCode?: number }).statusCode ?? 500
  const code = 'invalid_request'
  if (status === 413) {
    const hint = `Send ${limits.controlBodyBytes} bytes at most.`
    return refuse(reply, { code, status, message: 'the body is too large', hint })
  }
  if (status === 415) {
    return refuse(reply, {
      code,
      status,
      message: 'the body is not JSON',
      hint: 'Send it as application/json.',
    })
  }
  if (status >= 400 && status < 500) {
    const message = `the request is malformed: ${messageOf(error)}`
    return refuse(reply, { code, message, hint: 'Send JSON, or no body.' })
  }
  logger.error(
    { event: 'control.failed', path: pathOf(request.raw.url ?? ''), error: messageOf(error) },
    'cannot answer a request on the control socket',
  )
  const hint = 'See the log of the supervisor.'
  return refuse(reply, { code: 'internal', message: catalogue.internal.title, hint })
}
