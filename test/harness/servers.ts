// Servers that misbehave in one particular way each. All listen on 127.0.0.1, on a port of their own.

import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import type { Certificate } from './certificates.ts'

export interface TestServer {
  readonly port: number
  /** `127.0.0.1:41234` */
  readonly address: string
  /** Connections accepted so far. */
  readonly accepted: number
  /** Connections open at the moment. */
  readonly open: number
  /** Resolves with the next connection accepted from now on. */
  nextConnection(): Promise<Socket>
  /** Resolves when no connection is open; at once when none is. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Accepts, reads, never says a word. */
export function startSilentServer(): Promise<TestServer> {
  return startTcpServer((socket) => socket.resume())
}

/** Accepts and closes at once, like a port forwarder in front of nothing. */
export function startClosingServer(): Promise<TestServer> {
  return startTcpServer((socket) => socket.resume().end())
}

/** Answers the first thing it hears with these bytes, then waits. */
export function startAnsweringServer(answer: Buffer | string): Promise<TestServer> {
  return startTcpServer((socket) => {
    socket.once('data', () => {
      socket.write(answer)
      socket.resume()
    })
  })
}

/** Answers the first thing it hears with `opening`, then repeats `chunk` for ever, as fast as it is taken. */
export function startEndlessServer(opening: Buffer | string, chunk: Buffer): Promise<TestServer> {
  return startTcpServer((socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', pour)
    socket.once('data', () => {
      socket.write(opening)
      socket.resume()
      pour()
    })
  })
}

/** Takes PostgreSQL's opening messages, offers no TLS, and answers each start-up message with `answer`. */
export function startPostgresLookalike(answer: Buffer | ((socket: Socket) => void)): Promise<TestServer> {
  return startTcpServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      const asksForTls = chunk.length === 8 && chunk.readUInt32BE(4) === 80877103
      if (asksForTls) socket.write('N')
      else if (typeof answer === 'function') answer(socket)
      else socket.write(answer)
    })
  })
}

export interface ErrorFields {
  readonly sqlState: string
  readonly message: string
}

/** PostgreSQL's ErrorResponse. */
export function errorResponse({ sqlState, message }: ErrorFields): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`)
  return backendMessage('E', body)
}

/** A message with its type and length in front. */
export function backendMessage(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.write(type)
  header.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([header, body])
}

export async function startHttpServer(handler: RequestListener): Promise<TestServer> {
  return track(createHttpServer(handler))
}

export async function startHttpsServer(
  { certificate, key }: Certificate,
  handler: RequestListener,
): Promise<TestServer> {
  return track(createHttpsServer({ cert: certificate, key }, handler))
}

/** Any behaviour. Errors of its sockets are nobody's concern. */
export async function startTcpServer(handler: (socket: Socket) => void, port = 0): Promise<TestServer> {
  return track(createServer(handler), port)
}

/** A port on 127.0.0.1 that nothing listened on a moment ago. */
export async function unusedPort(): Promise<number> {
  const server = await startClosingServer()
  await server.close()
  return server.port
}

async function track(server: Server, wantedPort = 0): Promise<TestServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const waiting: (() => void)[] = []
  server.on('connection', (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) for (const resolve of waiting.splice(0)) resolve()
    })
  })
  server.listen(wantedPort, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  const { port } = address
  return {
    port,
    address: `127.0.0.1:${port}`,
    get accepted() {
      return accepted
    },
    get open() {
      return sockets.size
    },
    async nextConnection() {
      const [socket] = await once(server, 'connection')
      return socket
    },
    idle: () => (sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
