// The control socket: what the flow and the operator's commands say to the supervisor. It is reached through the file
// system only, so its permissions are the access control. Every refusal has the same envelope.

import { chownSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { StateName } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { PerformanceReport } from '../core/performance.ts'
import type { OperationQueue } from '../core/queue.ts'
import type { Records } from '../core/records.ts'
import type { StatusReport } from '../core/status.ts'
import type { Wills } from '../core/wills.ts'
import { expectNoBody, takeJsonOnly } from './bodies.ts'
import { createBodyReader } from './body-reader.ts'
import { answerError, envelope, refuse } from './envelope.ts'
import { answerClientError, closeServer } from './listener.ts'
import { answerWhatHasNoRoute } from './no-route.ts'
import { addOperationRoutes } from './operations.ts'
import { addRecordRoutes } from './records.ts'
import { claimSocketPath, type Owner, socketRefusal } from './socket-path.ts'
import { addWillRoutes } from './wills.ts'

/** Each of the commands returns the state it led to, or throws a FlowkeepError (`wrong_state`, `config_invalid`). */
export interface ControlParts {
  readonly path: string
  /** Who the flow runs as, when that is not the supervisor's own user. */
  readonly owner: Owner | undefined
  readonly logger: Logger
  status(): StatusReport
  performance?(): Promise<PerformanceReport>
  ready(): StateName | Promise<StateName>
  reload(): StateName | Promise<StateName>
  drain(): StateName | Promise<StateName>
  readonly operations: OperationQueue
  readonly records?: Records | undefined
  readonly wills?: Wills | undefined
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
    // An id that is too long is to be refused as one, not taken for another path.
    routerOptions: { maxParamLength: limits.httpHeaderBytes },
    serverFactory(handler) {
      server.on('request', handler as RequestListener)
      return server
    },
    clientErrorHandler(error, socket) {
      answerClientError(error, socket, (message) =>
        envelope({ code: 'invalid_request', message, hint: 'Send HTTP/1.1.' }),
      )
    },
    frameworkErrors(_error, _request, reply) {
      refuse(reply as unknown as FastifyReply, {
        code: 'invalid_request',
        message: 'the request target is malformed',
        hint: 'Check the path.',
      })
    },
  })
  takeJsonOnly(app)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  // As everywhere: who reads it in a shell has its prompt on a line of its own.
  app.setReplySerializer((payload) => `${JSON.stringify(payload)}\n`)
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, parts.logger))

  answerWhatHasNoRoute(app)
  addLifecycleRoutes(app, parts)
  const readBody = createBodyReader()
  addOperationRoutes(app, parts.operations, readBody)
  if (parts.records) addRecordRoutes(app, parts.records, readBody)
  if (parts.wills) addWillRoutes(app, parts.wills)
  return app
}

function addLifecycleRoutes(app: FastifyInstance, parts: ControlParts): void {
  const command = (run: () => StateName | Promise<StateName>) => async (request: FastifyRequest) => {
    expectNoBody(request.body)
    return { state: await run() }
  }
  app.get('/v1/status', () => parts.status())
  const { performance } = parts
  if (performance) app.get('/v1/performance', () => performance())
  app.post('/v1/ready', command(parts.ready))
  app.post('/v1/reload', command(parts.reload))
  app.post('/v1/drain', command(parts.drain))
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
