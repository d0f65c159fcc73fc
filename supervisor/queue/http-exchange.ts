// One request to a service and its answer, both bounded in time and size. Knows whether the request may have arrived.

import type { Agent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../core/clock.ts'

export interface Exchange {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly agent: Agent
  /** Of the answer's body that are read; a longer one counts as none. */
  readonly bodyBytesMax: number
  /** For the whole of it. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Undefined where it was cut off or longer than is read. */
  readonly body: string | undefined
}

export type Exchanged =
  | { readonly ok: true; readonly answer: HttpAnswer }
  | { readonly ok: false; readonly error: unknown; readonly timedOut: boolean; readonly sent: boolean }

/** Never rejects. */
export function exchange(what: Exchange): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>()
  const { url, body, clock, signal } = what
  let sent = false
  let timedOut = false
  /** The answer was read to its end, so the connection may serve another request. */
  let reusable = false
  const fail = (error: unknown) => resolve({ ok: false, error, timedOut, sent })
  const abort = () => fail(signal.reason)
  if (signal.aborted) return Promise.resolve({ ok: false, error: signal.reason, timedOut, sent })
  signal.addEventListener('abort', abort, { once: true })
  const timer = clock.startTimer(what.timeoutMs, () => {
    timedOut = true
    fail(new Error('timed out'))
  })
  const request =
    url.protocol === 'https:' ? httpsRequest(url, optionsOf(what)) : httpRequest(url, optionsOf(what))
  request.once('socket', (socket) => {
    const connected = () => {
      sent = true
    }
    if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected)
    else connected()
  })
  // Stays: an error that comes after the answer must not be thrown.
  request.on('error', fail)
  request.once('response', (response) => {
    void read(response, what.bodyBytesMax).then((text) => {
      const { statusCode: status = 0, headers } = response
      reusable = text !== undefined
      resolve({ ok: true, answer: { status, headers, body: text } })
    })
  })
  // Nobody asked for another protocol.
  request.once('upgrade', ({ statusCode: status = 0, headers }, socket) => {
    socket.destroy()
    resolve({ ok: true, answer: { status, headers, body: undefined } })
  })
  request.end(body)
  return promise.finally(() => {
    timer.cancel()
    signal.removeEventListener('abort', abort)
    if (!reusable) request.destroy()
  })
}

function optionsOf({ method, headers, body, agent }: Exchange): RequestOptions {
  const length = body === undefined ? 0 : Buffer.byteLength(body)
  return { agent, method, headers: { ...headers, 'content-length': String(length) } }
}

/** The status counts, whatever becomes of the body. */
function read(response: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else resolve(undefined)
    })
    response.once('end', () => resolve(Buffer.concat(chunks).toString()))
    response.once('close', () => resolve(undefined))
    response.on('error', () => resolve(undefined))
  })
}
