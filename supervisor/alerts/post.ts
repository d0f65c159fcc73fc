// One POST to a receiver of alerts. The name is resolved here, every address it has is judged, and one of those judged
// is connected to: a name that changes its mind in between (rebinding) changes nothing. Redirects are not followed.

import { lookup as systemLookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { addressKind, namesLoopback, problemOfHost } from '../core/addresses.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

export interface Posting {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** JSON */
  readonly body: string
}

export type PostResult =
  | { readonly status: number; readonly retryAfterMs: number | undefined; readonly answer: string }
  | { readonly status: undefined; readonly reason: string }

export type Resolve = typeof systemLookup

/** Never rejects. @param signal bounds the whole of it */
export function post(
  { url, headers, body }: Posting,
  signal: AbortSignal,
  resolve: Resolve = systemLookup,
): Promise<PostResult> {
  const problem = problemOfHost(url.hostname)
  if (problem !== undefined) return Promise.resolve({ status: undefined, reason: `not sent: ${problem}` })
  const { promise, resolve: done } = Promise.withResolvers<PostResult>()
  const fail = (error: unknown) => done({ status: undefined, reason: reasonOf(error, signal) })
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    signal,
    lookup: guarded(resolve, namesLoopback(url.hostname)),
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'flowkeep',
      ...headers,
    },
  }
  try {
    const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
    // Stays: an error that comes after the answer must not be thrown.
    request.on('error', fail)
    request.once('response', (response) => void read(response).then(done))
    request.once('upgrade', ({ statusCode = 0 }, socket) => {
      socket.destroy()
      done({ status: statusCode, retryAfterMs: undefined, answer: '' })
    })
    request.end(body)
    return promise.finally(() => request.destroy())
  } catch (error) {
    fail(error)
    return promise
  }
}

/** Gives all addresses or none: a name with one forbidden address has no honest one. */
function guarded(resolve: Resolve, mayBeLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '')
      const wrong = found.find(({ address }) => {
        const kind = addressKind(address)
        return kind === 'forbidden' || (kind === 'loopback' && !mayBeLoopback)
      })
      const [first] = found
      if (wrong || !first) {
        return callback(new ForbiddenAddress(wrong?.address ?? 'no address'), '')
      }
      if (options.all) callback(null, found)
      else callback(null, first.address, first.family)
    })
  }
}

class ForbiddenAddress extends Error {
  constructor(address: string) {
    super(`its name leads to ${address}, where alerts are never sent`)
  }
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (error instanceof ForbiddenAddress) return `not sent: ${error.message}`
  if (signal.aborted) return 'no answer in time'
  return codeOf(error) ?? messageOf(error)
}

/** The status counts, whatever becomes of the body. */
function read(response: IncomingMessage): Promise<PostResult> {
  const { statusCode: status = 0, headers } = response
  const seconds = /^\d{1,6}$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined
  const retryAfterMs = seconds === undefined ? undefined : seconds * 1000
  let answer = ''
  return new Promise((resolve) => {
    const end = () => resolve({ status, retryAfterMs, answer: answer.slice(0, limits.alertAnswerChars) })
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      answer += chunk
      if (answer.length >= limits.alertAnswerChars) end()
    })
    response.once('close', end)
    response.on('error', end)
  })
}
