// `flowkeep status`: asks the running supervisor over its control socket and shows the answer on one screen.

import { request } from 'node:http'
import { systemClock } from '../core/clock.ts'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { StatusReport } from '../core/status.ts'
import { printable } from './printable.ts'
import { renderStatus } from './render-status.ts'
import type { Look } from './text-table.ts'

export interface StatusCommandParts {
  readonly socketPath: string
  readonly json: boolean
  readonly look: Look
  write(text: string): void
  writeError(text: string): void
}

/** @returns the exit code: 0, or the one of `supervisor_unreachable` */
export async function runStatusCommand(parts: StatusCommandParts): Promise<number> {
  try {
    const body = await askStatus(parts.socketPath)
    parts.write(parts.json ? `${JSON.stringify(body)}\n` : renderStatus(body, parts.look))
    return 0
  } catch (error) {
    if (!(error instanceof FlowkeepError)) throw error
    const { code, message, hint } = error
    const envelope = { error: { code, message, hint } }
    parts.writeError(parts.json ? `${JSON.stringify(envelope)}\n` : `${printable(message)}\n${hint}\n`)
    return error.entry.exitCode ?? 1
  }
}

function askStatus(socketPath: string): Promise<StatusReport> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unreachable(socketPath, error))
    const call = request({ socketPath, path: '/v1/status', agent: false }, (response) => {
      const chunks: Buffer[] = []
      let received = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        received += chunk.length
        if (received > limits.answerBytes) call.destroy(new Error('the answer is too large'))
      })
      response.once('error', fail)
      response.once('end', () => {
        try {
          if (response.statusCode !== 200)
            throw new Error(`the answer has HTTP status ${response.statusCode}`)
          resolve(JSON.parse(Buffer.concat(chunks).toString()))
        } catch (error) {
          fail(error)
        }
      })
    })
    const timer = systemClock.startTimer(limits.probeMs, () => {
      call.destroy(new Error(`no answer within ${limits.probeMs / 1000}s`))
    })
    call.once('error', fail)
    call.once('close', () => timer.cancel())
    call.end()
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
    operation: 'cannot ask the supervisor for its status',
    subject: socketPath,
    message: `${socketPath}: ${message}`,
    hint: "Run it in the container, as the flow's user, while the supervisor runs; CONTAINER_CONTROL_SOCKET names the socket.",
    cause: error,
  })
}
