// A service as a target: each operation is one request, delivered at least once, with its id as `Idempotency-Key`. Lanes
// go in parallel, a lane one by one. A service has no inbox: what became of a request whose answer was lost only the
// service knows, and it is told the key again.

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { type Json, parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import { classifyNetworkFailure, type Endpoint, showEndpoint } from '../core/network-failure.ts'
import type { HttpWork } from '../core/operation.ts'
import { createRedactor, type Redact, type Secret } from '../core/secret.ts'
import type { Cancelled, Delivered, Delivery, Outcome, Target, Unreached } from '../core/target.ts'
import { formatDuration } from '../core/units.ts'
import { type Exchanged, exchange, type HttpAnswer } from './http-exchange.ts'
import { prefectOutcome } from './prefect-answer.ts'

export interface HttpTargetSettings {
  readonly url: Secret
  readonly timeoutMs: number
  readonly token: Secret | undefined
  /** `user:password` */
  readonly auth: Secret | undefined
  /** Below the URL: what answers 2xx when the service is well. */
  readonly healthPath: string
}

type Answered = Outcome | Unreached
type Asked = { readonly method: string; readonly path: string; readonly body?: HttpWork['body'] }

/** Whether the rest of its lane may follow. */
const leavesLane: ReadonlySet<Outcome['state']> = new Set(['applied', 'refused'])

export function createHttpTarget(name: string, settings: HttpTargetSettings, clock: Clock): Target {
  return new HttpTarget(name, settings, clock)
}

class HttpTarget implements Target {
  readonly name: string
  readonly kind = 'service'
  readonly batchMax = limits.httpBatch
  readonly #base: URL
  readonly #settings: HttpTargetSettings
  readonly #clock: Clock
  readonly #redact: Redact
  readonly #agent: HttpAgent
  #closed = false

  constructor(name: string, settings: HttpTargetSettings, clock: Clock) {
    this.name = name
    this.#base = new URL(settings.url.reveal())
    this.#settings = settings
    this.#clock = clock
    this.#redact = createRedactor(secretsOf(settings))
    const maxSockets = limits.httpLanes * limits.directBatches
    // Idle ones go before the service closes them: a request that meets such an end has an outcome that nobody knows.
    const options = { keepAlive: true, timeout: limits.httpIdleMs, maxSockets }
    this.#agent = this.#base.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
    this.#agent.on('free', (socket: { destroy(): void }) => {
      if (this.#closed) socket.destroy()
    })
  }

  async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Delivered> {
    const answers = new Map<Delivery, Answered>()
    const lanes = [...Map.groupBy(batch, ({ operation }) => operation.key).values()]
    const workers = Array.from({ length: Math.min(limits.httpLanes, lanes.length) }, async () => {
      for (let lane = lanes.shift(); lane; lane = lanes.shift())
        await this.#deliverLane(lane, answers, signal)
    })
    await Promise.all(workers)
    return together(batch, answers)
  }

  /** Nothing can be asked of a service in general: what is cancelled here is not sent any more. */
  async cancel(batch: readonly Delivery[]): Promise<Cancelled> {
    return { reached: true, outcomes: batch.map(() => 'cancelled') }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const sockets of Object.values(this.#agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy()
  }

  async #deliverLane(
    lane: readonly Delivery[],
    answers: Map<Delivery, Answered>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const delivery of lane) {
      const answer = await this.#send(delivery, signal)
      answers.set(delivery, answer)
      if (!('state' in answer) || !leavesLane.has(answer.state)) return
    }
  }

  async #send({ operation: { id, work } }: Delivery, signal: AbortSignal): Promise<Answered> {
    if (work.kind !== 'http')
      return { state: 'refused', code: 'wrong_kind', message: `${this.name} is a service and takes no sql` }
    const answered = await this.#excused(await this.#request(id, work, signal), signal)
    return 'message' in answered ? { ...answered, message: this.#shown(answered.message) } : answered
  }

  /** First what comes before it: each is made again at every try, and finds what an earlier one has created. */
  async #request(id: string, work: HttpWork, signal: AbortSignal): Promise<Answered> {
    let names: Names = []
    for (const prior of work.before ?? []) {
      const { standsFor } = prior
      const request = renamed({ kind: 'http', ...prior }, names)
      const exchanged = await this.#exchange(standsFor, request, limits.priorAnswerBytes, signal)
      const answered = this.#judge(request, exchanged)
      if (!('state' in answered) || answered.state !== 'applied') return answered
      const real = exchanged.ok ? idIn(exchanged.answer) : undefined
      if (real === undefined) {
        const message = `${prior.method} ${prior.path} was answered without an id`
        return { state: 'failed', code: 'no_id', message }
      }
      names = [...names, [standsFor, real]]
    }
    const request = renamed(work, names)
    return this.#judge(request, await this.#exchange(id, request, limits.serviceBodyBytes, signal))
  }

  /**
   * A service that has lost its own database may answer 500 to everything, as Prefect's server does. Where it says that
   * it is not well, or says nothing, that is held against none of the operations.
   */
  async #excused(answered: Answered, signal: AbortSignal): Promise<Answered> {
    if (!('state' in answered) || answered.state !== 'failed' || !answered.code.startsWith('http_'))
      return answered
    const path = this.#settings.healthPath
    const asked = await this.#ask({ method: 'GET', path }, this.#headers(undefined), 0, signal)
    if (asked.ok && asked.answer.status < 500) return answered
    const said = asked.ok ? `was answered ${asked.answer.status}` : 'was not answered'
    const { code: reason, message } = answered
    return { reached: false, reason, message: `${message}, and GET ${path} ${said}`, outcomeUnknown: true }
  }

  #exchange(id: string, work: HttpWork, bodyBytesMax: number, signal: AbortSignal): Promise<Exchanged> {
    return this.#ask(work, { ...this.#headers(work.body), 'idempotency-key': id }, bodyBytesMax, signal)
  }

  #ask(
    { method, path, body }: Asked,
    headers: Readonly<Record<string, string>>,
    bodyBytesMax: number,
    signal: AbortSignal,
  ): Promise<Exchanged> {
    return exchange({
      url: this.#urlOf(path),
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      agent: this.#agent,
      bodyBytesMax,
      timeoutMs: this.#settings.timeoutMs,
      clock: this.#clock,
      signal,
    })
  }

  #judge(work: HttpWork, exchanged: Exchanged): Answered {
    return exchanged.ok ? judge(work, exchanged.answer, this.#clock.wallMs()) : this.#notReached(exchanged)
  }

  #urlOf(path: string): URL {
    const { origin, pathname } = this.#base
    return new URL(`${origin}${pathname.replace(/\/$/, '')}${path}`)
  }

  #headers(body: Json | undefined): Record<string, string> {
    const { token, auth } = this.#settings
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'flowkeep' }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (token) headers['authorization'] = `Bearer ${token.reveal()}`
    else if (auth) headers['authorization'] = `Basic ${Buffer.from(auth.reveal()).toString('base64')}`
    return headers
  }

  #notReached({ error, sent, timedOut }: Extract<Exchanged, { ok: false }>): Unreached {
    const { hostname, port, protocol } = this.#base
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const endpoint: Endpoint = { host, port: Number(port) || (protocol === 'https:' ? 443 : 80) }
    const where = showEndpoint(endpoint)
    const within = formatDuration(this.#settings.timeoutMs)
    const known = timedOut
      ? { reason: 'timeout', message: `${where} did not answer within ${within}` }
      : classifyNetworkFailure(error, endpoint)
    const { reason, message } = known ?? { reason: 'bad_answer', message: `${where}: ${messageOf(error)}` }
    return { reached: false, reason, message, outcomeUnknown: sent }
  }

  #shown(message: string): string {
    return this.#redact(message).replace(/\s+/g, ' ').slice(0, limits.foreignMessageChars)
  }
}

/** Made-up ids, and the ones that the service gave. */
type Names = readonly (readonly [standIn: string, real: string])[]

/** As text: a UUID that was made up stands nowhere by chance. */
function renamed(work: HttpWork, names: Names): HttpWork {
  if (names.length === 0) return work
  const inText = (text: string) =>
    names.reduce((done, [standIn, real]) => done.replaceAll(standIn, real), text)
  const body = work.body === undefined ? undefined : parseExact(inText(JSON.stringify(work.body)))
  return { ...work, path: inText(work.path), body }
}

function idIn({ body }: HttpAnswer): string | undefined {
  const id = (parsed(body) as { readonly id?: Json } | null | undefined)?.id
  return typeof id === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(id) ? id : undefined
}

/** One answer for the batch where the service could not be asked at all. */
function together(batch: readonly Delivery[], answers: ReadonlyMap<Delivery, Answered>): Delivered {
  const given = [...answers.values()]
  const failures = given.filter((answer): answer is Unreached => !('state' in answer))
  const [first] = failures
  if (first && failures.length === given.length) {
    return { ...first, outcomeUnknown: failures.some(({ outcomeUnknown }) => outcomeUnknown) }
  }
  const outcomes = batch.map((delivery): Outcome => {
    const answer = answers.get(delivery)
    if (!answer) return { state: 'skipped' }
    if ('state' in answer) return answer
    const { reason, message, outcomeUnknown } = answer
    return { state: 'unreached', reason, message, outcomeUnknown }
  })
  return { reached: true, outcomes }
}

function judge(work: HttpWork, { status, headers, body }: HttpAnswer, nowWallMs: number): Answered {
  if (status >= 200 && status < 300) {
    const result = resultOf(body)
    return prefectOutcome(work, result) ?? { state: 'applied', ...(result === undefined ? {} : { result }) }
  }
  const code = `http_${status}`
  const message = `${work.method} ${work.path.replace(/\?.*$/s, '')} was answered ${status}${saying(body)}`
  switch (status) {
    case 401:
    case 407:
      return { reached: false, reason: 'authentication', message, outcomeUnknown: false }
    case 403:
      return { state: 'forbidden', code, message }
    case 408:
    case 425:
    case 429:
    case 503:
      return { reached: false, reason: code, message, outcomeUnknown: false, ...pauseOf(headers, nowWallMs) }
    case 502:
    case 504:
      // What stands before the service lost it; the service may have done it.
      return { reached: false, reason: code, message, outcomeUnknown: true }
    default:
  }
  if (status >= 400 && status < 500) return { state: 'refused', code, message }
  // An error of the service for this one operation: after some tries a dead letter, and its lane alone waits meanwhile.
  if (status >= 500) return { state: 'failed', code, message }
  return {
    reached: false,
    reason: 'bad_answer',
    message: `${message}; redirects are not followed: set the service's URL to where it leads`,
    outcomeUnknown: false,
  }
}

function resultOf(body: string | undefined): Json | undefined {
  return body && body.length > limits.queueDoneResultChars ? undefined : parsed(body)
}

function parsed(body: string | undefined): Json | undefined {
  if (!body) return undefined
  try {
    return parseExact(body)
  } catch {
    return undefined
  }
}

function saying(body: string | undefined): string {
  return body ? `: ${body.slice(0, limits.foreignMessageChars)}` : ''
}

/** `Retry-After` in seconds or as a date. */
function pauseOf(
  { 'retry-after': text }: HttpAnswer['headers'],
  nowWallMs: number,
): { retryAfterMs?: number } {
  if (text === undefined) return {}
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowWallMs
  return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {}
}

function secretsOf({ token, auth }: HttpTargetSettings): string[] {
  const pair = auth?.reveal()
  const password = pair?.slice(pair.indexOf(':') + 1)
  return [token?.reveal(), pair, password].filter((text) => text !== undefined)
}
