// One GET whose status is all that is wanted. node:http itself and not fetch: that hides causes and keeps connections.

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { limits } from '../core/limits.ts'

export interface ProbeAnswer {
  readonly status: number
  readonly statusText: string
  /** The `location` header. */
  readonly location: string | undefined
}

export interface Probe {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Aborting it destroys the socket; the promise then rejects with its reason. */
  readonly signal: AbortSignal
}

export type ProbeProgress = 'resolving' | 'connecting' | 'waiting' | 'reading'

/** Resolves when the answer, or as much of its body as we read, is in. `progress` is told how far it got. */
export function probe(
  { url, headers, signal }: Probe,
  progress: (now: ProbeProgress) => void,
): Promise<ProbeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>()
  const request = open(url, headers)
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  request.once('socket', (socket) => {
    socket.once('lookup', () => progress('connecting'))
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => progress('waiting'))
  })
  // Stays: an error that comes after the answer must not be thrown.
  request.on('error', reject)
  request.once('response', (response) => {
    progress('reading')
    const { statusCode: status = 0, statusMessage: statusText = '' } = response
    const done = () => resolve({ status, statusText, location: response.headers.location })
    discardBody(response, done, reject)
  })
  // Nobody asked for another protocol. Without a listener the connection would hang.
  request.once('upgrade', ({ statusCode: status = 0, statusMessage: statusText = '' }, socket) => {
    socket.destroy()
    resolve({ status, statusText, location: undefined })
  })
  request.end()
  return promise.finally(() => {
    signal.removeEventListener('abort', abort)
    request.destroy()
  })
}

function open(url: URL, headers: Readonly<Record<string, string>>): ClientRequest {
  // Without an agent every probe has a connection of its own, so it tests what a new client would meet.
  const options = { agent: false, headers: { accept: '*/*', 'user-agent': 'flowkeep', ...headers } } as const
  return url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
}

function discardBody(response: IncomingMessage, done: () => void, failed: (error: Error) => void): void {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > limits.serviceBodyBytes) done()
  })
  response.once('end', done)
  response.on('error', failed)
}
