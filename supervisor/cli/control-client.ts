// One call to the running supervisor over its control socket. What it refuses is an answer, too; only silence is an
// error, and no answer is longer or later than it may be.

import { request } from 'node:http'
import { systemClock } from '../core/clock.ts'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { type Json, parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: string | Buffer
  /** `application/json` unless told otherwise. */
  readonly contentType?: string
  readonly timeoutMs?: number
  readonly answerBytesMax?: number
}

export interface Answer {
  readonly status: number
  readonly body: Json
}

/** Rejects with `supervisor_unreachable`; its cause tells whether anyone listens at all. */
export type AskSupervisor = (call: Call) => Promise<Answer>

export function createControlClient(socketPath: string): AskSupervisor {
  return (call) => ask(socketPath, call).catch((error) => Promise.reject(unreachable(socketPath, error)))
}

/** Nobody listens: there is no socket, or it is left over from a supervisor that is gone. */
export function isNobodyThere(error: unknown): boolean {
  if (!(error instanceof FlowkeepError) || error.code !== 'supervisor_unreachable') return false
  return ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error.cause) ?? '')
}

function ask(socketPath: string, options: Call): Promise<Answer> {
  const { method = 'GET', path, body, contentType = 'application/json' } = options
  const { timeoutMs = limits.probeMs, answerBytesMax = limits.answerBytes } = options
  const headers =
    body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let received = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        received += chunk.length
        if (received > answerBytesMax) call.destroy(new Error('the answer is too large'))
      })
      response.once('error', reject)
      response.once('end', () => {
        try {
          resolve({
            status: response.statusCode ?? 0,
            body: parseExact(Buffer.concat(chunks).toString() || 'null'),
          })
        } catch {
          reject(new Error(`the answer, with HTTP status ${response.statusCode}, is not JSON`))
        }
      })
    })
    const timer = systemClock.startTimer(timeoutMs, () => {
      call.destroy(new Error(`no answer within ${timeoutMs / 1000}s`))
    })
    call.once('error', reject)
    call.once('close', () => timer.cancel())
    call.end(body)
  })
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there any more',
  EACCES: 'this user may not open it',
}

function unreachable(socketPath: string, error: unknown): FlowkeepError {
  const message = explanations[codeOf(error) ?? ''] ?? messageOf(error)
  return new FlowkeepError('supervisor_unreachable', {
    operation: 'cannot ask the supervisor',
    subject: socketPath,
    message: `${socketPath}: ${message}`,
    hint: "Run it in the container, as the flow's user, while the supervisor runs; CONTAINER_CONTROL_SOCKET names the socket.",
    cause: error,
  })
}
