// Asks /health and /metrics again and again, as a load balancer and Prometheus do, for as long as the supervisor runs.

import { request } from 'node:http'
import type { HealthReport } from '../../supervisor/core/health.ts'

export interface Look {
  readonly health: { readonly status: number; readonly body: HealthReport }
  /** By name with labels as written; without those before the listener has metrics. */
  readonly metrics: ReadonlyMap<string, number>
}

export interface Watch {
  readonly latest: Look | undefined
  /** Answers so far. */
  readonly looks: number
  /** Looks that failed after the first answer and before `over`. */
  readonly unanswered: readonly string[]
  /** The slowest answer, of /health and /metrics alike, in ms. */
  readonly slowestMs: number
  /** The next look that fits. */
  until(fits: (look: Look) => boolean): Promise<Look>
  /** From now on the listener may go away, and nothing is asked any more. */
  over(): void
  readonly isOver: boolean
}

const betweenMs = 100
const timeoutMs = 5_000

export function watchHttp(port: number, abort: AbortSignal): Watch {
  let latest: Look | undefined
  let looks = 0
  let slowestMs = 0
  let isOver = false
  const unanswered: string[] = []
  const waiting = new Set<(look: Look) => void>()

  async function ask(path: string): Promise<{ status: number; body: string }> {
    const startedMs = performance.now()
    const answer = await get(port, path)
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
    return answer
  }

  async function look(): Promise<void> {
    try {
      const { status, body } = await ask('/health')
      const metrics = await ask('/metrics')
      latest = { health: { status, body: JSON.parse(body) }, metrics: parseMetrics(metrics) }
      looks++
    } catch (error) {
      if (latest && !isOver) unanswered.push(String(error))
      return
    }
    for (const tell of [...waiting]) tell(latest)
  }

  async function goOn(): Promise<void> {
    while (!abort.aborted && !isOver) {
      await look()
      await new Promise((resolve) => setTimeout(resolve, betweenMs).unref())
    }
  }
  void goOn()

  return {
    get latest() {
      return latest
    },
    get looks() {
      return looks
    },
    get slowestMs() {
      return slowestMs
    },
    unanswered,
    until: (fits) =>
      new Promise((resolve) => {
        const tell = (look: Look) => {
          if (!fits(look)) return
          waiting.delete(tell)
          resolve(look)
        }
        waiting.add(tell)
      }),
    over() {
      isOver = true
    },
    get isOver() {
      return isOver
    },
  }
}

function get(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: timeoutMs }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    call.once('timeout', () => call.destroy(new Error(`${path} was not answered within ${timeoutMs} ms`)))
    call.once('error', reject)
    call.end()
  })
}

function parseMetrics({ status, body }: { status: number; body: string }): ReadonlyMap<string, number> {
  if (status !== 200) return new Map()
  const samples = body.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)
  return new Map([...samples].map(([, name = '', value]) => [name, Number(value)]))
}
