// Submits to the control socket, over connections that are kept. No answer is no answer: it is never guessed.

import { Agent, request } from 'node:http'
import type { Answer, Planned } from '../../../simulation/ledger.ts'
import { requestOf } from '../plan.ts'

export interface Client {
  /** What became of each; undefined where nobody knows. Never rejects. */
  submit(batch: readonly Planned[]): Promise<readonly (Pick<Answer, 'state' | 'code'> | undefined)[]>
}

interface One {
  readonly state?: Answer['state']
  readonly error?: { readonly code: string }
}

export function createClient(socketPath: string, connections: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return {
    async submit(batch) {
      const [first] = batch
      const isOne = batch.length === 1 && first !== undefined
      const text = JSON.stringify(isOne ? requestOf(first) : batch.map(requestOf))
      const answer = await post(agent, socketPath, text)
      if (answer === undefined) return batch.map(() => undefined)
      const parsed = JSON.parse(answer) as One & { readonly operations?: readonly One[] }
      return batch.map((_, index) => answerOf(parsed.operations?.[index] ?? parsed))
    },
  }
}

function answerOf({ state, error }: One): Pick<Answer, 'state' | 'code'> {
  return { state: error ? 'refused' : (state ?? 'refused'), code: error?.code }
}

function post(agent: Agent, socketPath: string, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(
      {
        ...{ agent, socketPath, path: '/v1/operations', method: 'POST' },
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.once('end', () => resolve(response.complete ? body : undefined))
        response.once('error', () => resolve(undefined))
      },
    )
    call.once('error', () => resolve(undefined))
    call.end(text)
  })
}
