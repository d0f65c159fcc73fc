// What the flow says to its supervisor, over the Unix socket that FLOWKEEP_SOCKET names.

import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export interface Operation {
  /** The same for the same effect, however often it is submitted: after a crash it is not applied a second time. */
  readonly id: string
  readonly target: string
  /** Operations with the same key are applied in order. */
  readonly key: string
  readonly effects: readonly { readonly sql: string; readonly params: readonly unknown[] }[]
}

export interface SupervisorClient {
  ready(): Promise<void>
  /** Resolves once the effect is in the database, or safe in the supervisor's queue. */
  submit(operation: Operation): Promise<'applied' | 'queued'>
}

interface Answer {
  readonly status: number
  readonly retryAfterMs: number
  readonly body: { readonly state?: string; readonly error?: { readonly message: string } }
}

/** What the supervisor can answer when it merely has no room or no time yet. */
const passing = new Set([429, 503])

export function connectToSupervisor(socketPath: string): SupervisorClient {
  const agent = new Agent({ keepAlive: true })

  async function post(path: string, body: unknown): Promise<Answer> {
    const headers = { 'content-type': 'application/json' }
    const call = request({ socketPath, path, method: 'POST', agent, headers }).end(JSON.stringify(body))
    const [response] = (await once(call, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    return {
      status: response.statusCode ?? 0,
      retryAfterMs: 1000 * Number(response.headers['retry-after'] ?? 1),
      body: JSON.parse(text),
    }
  }

  async function postUntilTaken(path: string, body: unknown): Promise<Answer> {
    for (;;) {
      const answer = await post(path, body)
      if (answer.status < 300) return answer
      if (!passing.has(answer.status)) {
        throw new Error(`${path} is answered with ${answer.status}: ${answer.body.error?.message}`)
      }
      await delay(answer.retryAfterMs)
    }
  }

  return {
    async ready() {
      await postUntilTaken('/v1/ready', {})
    },
    async submit(operation) {
      const { body } = await postUntilTaken('/v1/operations', operation)
      return body.state === 'applied' ? 'applied' : 'queued'
    },
  }
}
