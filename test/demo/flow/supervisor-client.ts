// What the flow says to its supervisor, over the Unix socket that FLOWKEEP_SOCKET names.

import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export interface Effect {
  readonly sql: string
  readonly params: readonly unknown[]
}

/** A piece of work that is this flow's until its lease ends. */
export interface WorkRecord<Payload> {
  readonly id: string
  readonly payload: Payload
  readonly attempt: number
  /** Goes back with the completion: after it was given to another owner, ours counts no more. */
  readonly epoch: number
}

export interface NewRecord<Payload> {
  /** The same for the same work: however often it is put in, it is one record. */
  readonly key: string
  readonly payload: Payload
}

export interface SupervisorClient<Payload> {
  ready(): Promise<void>
  enqueue(records: readonly NewRecord<Payload>[]): Promise<void>
  /** Waits a moment for one. Undefined while the database is away. */
  claim(limit: number): Promise<readonly WorkRecord<Payload>[] | undefined>
  /** The effects and the completion are one transaction; `queued`: they will be, once the database is back. */
  complete(record: WorkRecord<Payload>, effects: readonly Effect[]): Promise<'applied' | 'queued'>
  /** Gives back what was not begun. */
  release(record: WorkRecord<Payload>): Promise<void>
}

interface Answer {
  readonly status: number
  readonly retryAfterMs: number
  // biome-ignore lint/suspicious/noExplicitAny: what the supervisor documents is believed here
  readonly body: any
}

/** What the supervisor answers when it merely has no room, no time or no database at the moment. */
const passing = new Set([429, 503])
const claimWaitMs = 200

export function connectToSupervisor<Payload>(socketPath: string, queue: string): SupervisorClient<Payload> {
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
      if (!passing.has(answer.status)) throw new Error(`${path}: ${answer.body.error?.message}`)
      await delay(answer.retryAfterMs)
    }
  }

  return {
    async ready() {
      await postUntilTaken('/v1/ready', {})
    },
    async enqueue(records) {
      await postUntilTaken('/v1/records/enqueue', { queue, records })
    },
    async claim(limit) {
      const { status, body } = await post('/v1/records/claim', { queue, limit, waitMs: claimWaitMs })
      if (status === 200) return body.records
      if (!passing.has(status)) throw new Error(`claim: ${body.error?.message}`)
      await delay(claimWaitMs)
      return undefined
    },
    async complete({ id, epoch }, effects) {
      const { body } = await postUntilTaken(`/v1/records/${id}/complete`, { epoch, effects })
      return body.state === 'applied' ? 'applied' : 'queued'
    },
    async release({ id, epoch }) {
      await postUntilTaken(`/v1/records/${id}/release`, { epoch })
    },
  }
}
