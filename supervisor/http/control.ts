// The control socket: what the flow and the operator's commands say to the supervisor. It is reached through the file
// system only, so its permissions are the access control. Every refusal has the same envelope.

import { chownSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { catalogue, type ErrorCode, FlowkeepError, messageOf } from '../core/errors.ts'
import type { StateName } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { StatusReport } from '../core/status.ts'
import { answerClientError, closeServer, pathOf } from './listener.ts'
import { claimSocketPath, type Owner, socketRefusal } from './socket-path.ts'

/** Each of the commands returns the state it led to, or throws a FlowkeepError (`wrong_state`, `config_invalid`). */
export interface ControlParts {
  readonly path: string
  /** Who the flow runs as, when that is not the supervisor's own user. */
  readonly owner: Owner | undefined
  readonly logger: Logger
  status(): StatusReport
  ready(): StateName | Promise<StateName>
  reload(): StateName | Promise<StateName>
  drain(): StateName | Promise<StateName>
}

export interface ControlHttp {
  /** Stops listening and removes the socket. */
  close(): Promise<void>
}

export async function openControlHttp(parts: ControlParts): Promise<ControlHttp> {
  const { openDirectory } = await claimSocketPath(parts.path, parts.owner)
  if (openDirectory !== undefined) {
    parts.logger.warn(
      { event: 'control.directory_open', directory: openDirectory },
      'the control socket is in a directory that is open to other users',
    )
  }
  const server = createServer({
    headersTimeout: limits.httpHeadersMs,
    requestTimeout: limits.controlRequestMs,
    keepAliveTimeout: limits.httpKeepAliveMs,
    connectionsCheckingInterval: limits.httpSlowCheckMs,
    maxHeaderSize: limits.httpHeaderBytes,
  })
  server.maxConnections = limits.controlConnections
  const app = createApp(parts, server)
  await app.ready()
  await listenPrivately(server, parts.path, parts.owner)
  return {
    async close() {
      await closeServer(server)
      await app.close()
      rmSync(parts.path, { force: true })
    },
  }
}

function createApp(parts: ControlParts, server: Server): FastifyInstance {
  const app = fastify({
    logger: false,
    return503OnClosing: false,
    bodyLimit: limits.controlBodyBytes,
    serverFactory(handler) {
      server.on('request', handler as RequestListener)
      return server
    },
    clientErrorHandler(error, socket) {
      answerClientError(error, socket, (message) => envelope('invalid_request', message, 'Send HTTP/1.1.'))
    },
    frameworkErrors(_error, _request, reply) {
      refuse(
        reply as unknown as FastifyReply,
        400,
        'invalid_request',
        'the request target is malformed',
        'Check the path.',
      )
    },
  })
  takeJsonOnly(app)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const allowed = new Map<string, string>([
    ['/v1/status', 'GET, HEAD'],
    ['/v1/ready', 'POST'],
    ['/v1/reload', 'POST'],
    ['/v1/drain', 'POST'],
  ])
  app.get('/v1/status', () => parts.status())
  app.post('/v1/ready', async (request) => command(request, () => parts.ready()))
  app.post('/v1/reload', async (request) => command(request, () => parts.reload()))
  app.post('/v1/drain', async (request) => command(request, () => parts.drain()))

  app.setNotFoundHandler((request, reply) => {
    const allow = allowed.get(pathOf(request.raw.url ?? ''))
    if (allow === undefined) {
      return refuse(
        reply,
        404,
        'not_found',
        'there is nothing at that path',
        'Check the path; GET /v1/status shows whether the supervisor is meant.',
      )
    }
    reply.header('allow', allow)
    return refuse(reply, 405, 'invalid_request', `${request.method} is not answered here`, `Use ${allow}.`)
  })
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, parts.logger))
  return app
}

async function command(request: FastifyRequest, run: () => StateName | Promise<StateName>) {
  const body = request.body ?? {}
  const [unknown] = typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : ['body']
  if (unknown !== undefined) throw new UnknownField(unknown)
  return { state: await run() }
}

class UnknownField extends FlowkeepError {
  readonly field: string

  constructor(field: string) {
    super('invalid_request', {
      operation: 'cannot take the request',
      message: 'it has a field that means nothing here',
      hint: 'Send no body, or {}.',
    })
    this.field = field.slice(0, 100)
  }
}

/** An empty body is no body, whatever its type says: `curl -X POST -H 'content-type: application/json'`. */
function takeJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else parseJson(request, body as string, done)
  })
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    done(Object.assign(new Error('a body must be JSON'), { statusCode: 415 }))
  })
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger) {
  if (error instanceof FlowkeepError) {
    const field = error instanceof UnknownField ? error.field : undefined
    return refuse(reply, error.entry.httpStatus, error.code, error.message, error.hint, field)
  }
  const status = (error as { statusCode?: number }).statusCode ?? 500
  if (status === 413) {
    return refuse(
      reply,
      413,
      'invalid_request',
      'the body is too large',
      `Send ${limits.controlBodyBytes} bytes at most.`,
    )
  }
  if (status === 415) {
    return refuse(reply, 415, 'invalid_request', 'the body is not JSON', 'Send it as application/json.')
  }
  if (status >= 400 && status < 500) {
    return refuse(
      reply,
      400,
      'invalid_request',
      `the request is malformed: ${messageOf(error)}`,
      'Send JSON, or no body.',
    )
  }
  logger.error(
    { event: 'control.failed', path: pathOf(request.raw.url ?? ''), error: messageOf(error) },
    'cannot answer a request on the control socket',
  )
  return refuse(reply, 500, 'internal', catalogue.internal.title, 'See the log of the supervisor.')
}

function refuse(
  reply: FastifyReply,
  status: number,
  code: ErrorCode,
  message: string,
  hint: string,
  field?: string,
) {
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .header('cache-control', 'no-store')
    .send(envelope(code, message, hint, field))
}

function envelope(code: ErrorCode, message: string, hint: string, field?: string): string {
  return `${JSON.stringify({ error: { code, message, ...(field !== undefined && { field }), hint } })}\n`
}

/** The socket has its final permissions from its first moment: binding happens within `listen`, under our umask. */
function listenPrivately(server: Server, path: string, owner: Owner | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(socketRefusal(path, error))
    server.once('error', fail)
    const umask = process.umask(0o177)
    try {
      server.listen({ path }, () => {
        server.removeListener('error', fail)
        server.on('error', () => {}) // a refused accept (no descriptors left): that connection is lost, no other
        try {
          if (owner) chownSync(path, owner.uid, owner.gid)
          resolve()
        } catch (error) {
          server.close()
          fail(error)
        }
      })
    } finally {
      process.umask(umask)
    }
  })
}
