// One HTTP listener with bounds that Node.js leaves open, made so that a flood cannot keep a probe out: above
// `limits.httpConnections` the connection that has been silent longest is closed, never the new one. A slow client
// never completes a request, so it is always the first to go. Imports as little as it can: it decides boot time.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { systemClock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'

export interface Listener {
  readonly server: Server
  /** As asked for; `boundPort` is what the kernel gave for port 0. */
  readonly host: string
  readonly port: number
  readonly boundPort: number
  /** Hands every further request to `handler`. */
  takeOver(handler: RequestListener): void
  /** Stops listening at once; resolves when answers under way are out, at most `limits.httpCloseMs` later. */
  close(): Promise<void>
}

/** Rejects with the kernel's error when the address cannot be had. */
export async function openListener(host: string, port: number, first: RequestListener): Promise<Listener> {
  let handler = first
  const server = createServer({
    headersTimeout: limits.httpHeadersMs,
    requestTimeout: limits.httpRequestMs,
    keepAliveTimeout: limits.httpKeepAliveMs,
    connectionsCheckingInterval: limits.httpSlowCheckMs,
    maxHeaderSize: limits.httpHeaderBytes,
  })
  server.on('request', (request, response) => {
    if (carriesBody(request)) {
      // Nothing here takes a body: it is not read to its end for the sake of the connection.
      response.shouldKeepAlive = false
      if (request.method === 'GET' || request.method === 'HEAD') {
        response.writeHead(413, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        response.end(refusal('a request here has no body'))
        return
      }
    }
    handler(request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    answerClientError(error, socket as Socket),
  )
  boundConnections(server)
  await listen(server, host, port)
  const address = server.address()
  return {
    server,
    host,
    port,
    boundPort: typeof address === 'object' && address !== null ? address.port : port,
    takeOver(next) {
      handler = next
    },
    close: () => closeServer(server),
  }
}

/** The target without its query. Never decoded or normalised: what is not exactly one of our paths is not ours. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

export function refusal(message: string): string {
  return `${JSON.stringify({ error: { message } })}\n`
}

export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = systemClock.startTimer(limits.httpCloseMs, () => server.closeAllConnections())
  await closed
  timer.cancel()
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.removeListener('error', reject)
      // Later errors are refused accepts (no descriptors left): that connection is lost, the next may do.
      server.on('error', () => {})
      resolve()
    })
  })
}

function boundConnections(server: Server): void {
  const longestSilentFirst = new Set<Socket>()
  server.on('connection', (socket) => {
    longestSilentFirst.add(socket)
    socket.once('close', () => longestSilentFirst.delete(socket))
    if (longestSilentFirst.size <= limits.httpConnections) return
    for (const silent of longestSilentFirst) {
      longestSilentFirst.delete(silent)
      silent.destroy()
      return
    }
  })
  server.on('request', ({ socket }) => {
    if (longestSilentFirst.delete(socket)) longestSilentFirst.add(socket)
  })
}

function carriesBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  return encoding !== undefined || (length !== undefined && Number(length) > 0)
}

const clientErrors: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
}

/** What the parser refused never becomes a request: it is answered by hand and its connection closed. */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  bodyOf: (message: string) => string = refusal,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = clientErrors[error.code ?? ''] ?? '400 Bad Request'
  const body = bodyOf(status.slice(4).toLowerCase())
  socket.write(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n` +
      `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  )
  socket.destroySoon()
}
