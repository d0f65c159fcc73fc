// The endpoints that load balancers, orchestrators and Prometheus poll. Fastify is joined to the server that the early
// listener opened, so no connection is lost in between. A request only reads what is already known.

import type { RequestListener } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { messageOf } from '../core/errors.ts'
import type { HealthReport } from '../core/health.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { type Listener, openListener, pathOf, refusal } from './listener.ts'
import { portUnavailable } from './port-unavailable.ts'

export interface PublicParts {
  /** What the early listener opened, if it did. */
  readonly listener: Listener | undefined
  /** Where the configuration wants it; another place than the early listener's is moved to. */
  readonly host: string
  readonly port: number
  readonly logger: Logger
  health(): HealthReport
  /** The flow runs and can take work, and nothing drains. */
  ready(): boolean
  /** The flow has been running once. */
  started(): boolean
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string }>
}

export interface PublicHttp {
  readonly host: string
  /** The port the kernel gave. */
  readonly port: number
  /** Moves to another address; on failure stays where it is and throws `port_unavailable`. */
  rebind(host: string, port: number): Promise<void>
  close(): Promise<void>
}

const paths: ReadonlySet<string> = new Set(['/health', '/livez', '/readyz', '/startupz', '/metrics'])

export async function openPublicHttp(parts: PublicParts): Promise<PublicHttp> {
  let listener = parts.listener ?? (await openOrRefuse(parts.host, parts.port, refuseAll))
  let handler: RequestListener = refuseAll
  const app = fastify({
    logger: false,
    return503OnClosing: false,
    serverFactory(fastifyHandler) {
      handler = fastifyHandler
      return listener.server
    },
    clientErrorHandler() {}, // the listener has answered already
    frameworkErrors(_error, _request, reply) {
      respond(reply as unknown as FastifyReply, 400, refusal('bad request'))
    },
  })
  addRefusals(app, parts.logger)
  addRoutes(app, parts)
  await app.ready()
  listener.takeOver(handler)

  async function rebind(host: string, port: number): Promise<void> {
    if (host === listener.host && port === listener.port) return
    const old = listener
    if (port !== 0 && port === old.boundPort) {
      // The old address may cover the new one, so it must go first; it comes back if the new one can't be had.
      void old.close()
      try {
        listener = await openOrRefuse(host, port, handler)
      } catch (error) {
        listener = await openOrRefuse(old.host, old.boundPort, handler)
        throw error
      }
    } else {
      listener = await openOrRefuse(host, port, handler)
      await old.close()
    }
  }

  await rebind(parts.host, parts.port)
  return {
    get host() {
      return listener.host
    },
    get port() {
      return listener.boundPort
    },
    rebind,
    async close() {
      await listener.close()
      await app.close()
    },
  }
}

function addRoutes(app: FastifyInstance, parts: PublicParts): void {
  const report = (reply: FastifyReply, ok: boolean, body: HealthReport) => {
    if (!ok) reply.header('retry-after', String(limits.httpRetryAfterSeconds))
    return respond(reply, ok ? 200 : 503, `${JSON.stringify(body)}\n`)
  }
  app.get('/health', (_request, reply) => {
    const health = parts.health()
    return report(reply, health.status !== 'unhealthy', health)
  })
  app.get('/readyz', (_request, reply) => report(reply, parts.ready(), parts.health()))
  app.get('/startupz', (_request, reply) => report(reply, parts.started(), parts.health()))
  // That this is answered is the proof; whether the flow does well is no reason to kill the supervisor.
  app.get('/livez', (_request, reply) =>
    report(reply, true, { ...parts.health(), status: 'healthy', checks: {} }),
  )
  app.get('/metrics', async (request, reply) => {
    const { contentType, body } = await parts.metrics(request.headers.accept)
    return respond(reply, 200, body, contentType)
  })
}

/** Everything that is not one of the paths, exactly as written, with GET or HEAD. */
function addRefusals(app: FastifyInstance, logger: Logger): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!paths.has(pathOf(request.raw.url ?? ''))) {
      return respond(reply, 404, refusal('there is nothing at that path'))
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('allow', 'GET, HEAD')
      return respond(reply, 405, refusal('only GET and HEAD are answered here'))
    }
    return undefined
  })
  app.setNotFoundHandler((_request, reply) => respond(reply, 404, refusal('there is nothing at that path')))
  app.setErrorHandler((error, request, reply) => {
    const path = pathOf(request.raw.url ?? '')
    logger.error({ event: 'http.failed', path, error: messageOf(error) }, 'cannot answer a request')
    return respond(reply, 500, refusal('internal error'))
  })
}

function respond(reply: FastifyReply, status: number, body: string, contentType = 'application/json') {
  return reply.code(status).header('content-type', contentType).header('cache-control', 'no-store').send(body)
}

const refuseAll: RequestListener = (_request, response) => {
  response.writeHead(503, { 'cache-control': 'no-store' }).end()
}

async function openOrRefuse(host: string, port: number, handler: RequestListener): Promise<Listener> {
  try {
    return await openListener(host, port, handler)
  } catch (error) {
    throw portUnavailable(error, host, port)
  }
}
