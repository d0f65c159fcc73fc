// Brings alerts to one receiver: what is due goes together, the most severe first, at a bounded rate, and again after a
// failure with growing, jittered pauses, for as long as it takes.

import { type Clock, sleep, type Timer } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import { type Alert, bySeverity, type Due, dueTo, noticeOf } from './alert.ts'
import type { Message, Notice, Sink, SinkName } from './notice.ts'
import type { Posting, PostResult } from './post.ts'

export interface CourierParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly redact: Redact
  readonly sink: Sink
  alerts(): Iterable<Alert>
  /** Never rejects. */
  post(posting: Posting, signal: AbortSignal): Promise<PostResult>
  counted(sink: SinkName, result: 'sent' | 'failed' | 'refused', count: number): void
  /** A receiver has been told something. */
  told(): void
}

export class Courier {
  readonly #parts: CourierParts
  readonly #closing = new AbortController()
  #timer: Timer | undefined
  #working: Promise<void> | undefined
  #failures = 0
  /** Until when the container waits for us before it goes down, monotonic ms. */
  #lastUntilMs: number | undefined
  #permits: number = limits.alertBurst
  #refilledAtMs: number

  constructor(parts: CourierParts) {
    this.#parts = parts
    this.#refilledAtMs = parts.clock.monotonicMs()
    for (const result of ['sent', 'failed', 'refused'] as const) parts.counted(parts.sink.name, result, 0)
  }

  get name(): SinkName {
    return this.#parts.sink.name
  }

  /** Something may be due. What is raised waits a moment for others. */
  wake(): void {
    if (this.#failures === 0) this.#workIn(limits.alertGroupMs)
  }

  /** Tells what can be told until then, without long pauses. Never rejects. */
  async last(untilMs: number): Promise<void> {
    this.#lastUntilMs = untilMs
    this.#timer?.cancel()
    await this.#working
    // One that was replaced meanwhile sends nothing more, and would go round here without a pause.
    const { signal } = this.#closing
    while (!signal.aborted && this.#due(0).length > 0 && this.#parts.clock.monotonicMs() < untilMs) {
      await this.#work()
      if (this.#due(0).length === 0) break
      const pauseMs = limits.alertLastRetryMs * (0.5 + this.#parts.random())
      await sleep(this.#parts.clock, pauseMs, signal).catch(() => {})
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#closing.abort(new Error('alerts are closing'))
  }

  #workIn(delayMs: number): void {
    if (this.#lastUntilMs !== undefined || this.#closing.signal.aborted) return
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.startTimer(delayMs, () => {
      this.#working ??= this.#work().finally(() => {
        this.#working = undefined
        this.#arm()
      })
    })
  }

  /** For whatever is due next. */
  #arm(): void {
    if (this.#failures > 0) return
    const next = Math.min(...this.#due(Number.POSITIVE_INFINITY).map(({ due }) => due.inMs))
    if (next < Number.POSITIVE_INFINITY) this.#workIn(Math.max(next, this.#waitForPermitMs()))
  }

  async #work(): Promise<void> {
    const { sink, clock } = this.#parts
    for (;;) {
      const due = this.#due(0).slice(0, limits.alertsPerMessage)
      if (due.length === 0 || this.#closing.signal.aborted) return
      const notices = new Map(due.map(({ alert, due: { what } }) => [noticeOf(alert, what), { alert, what }]))
      for (const message of sink.messages([...notices.keys()], clock.wallMs())) {
        if (this.#lastUntilMs === undefined && this.#waitForPermitMs() > 0) return
        this.#permits--
        if (!(await this.#send(message, (notice) => notices.get(notice)))) return
      }
    }
  }

  /** @returns whether to go on */
  async #send(
    message: Message,
    of: (notice: Notice) => { alert: Alert; what: Due['what'] } | undefined,
  ): Promise<boolean> {
    const { clock, counted, sink, told } = this.#parts
    const result = await this.#post(message)
    // Cut short because it was replaced, by a reload: that says nothing about the receiver, and the next one tells it.
    if (result.status === undefined && this.#closing.signal.aborted) return false
    const verdict = verdictOf(result)
    const parts = message.notices.flatMap((notice) => of(notice) ?? [])
    const news = parts.filter(({ what }) => what !== 'repeat').length
    if (news > 0) counted(sink.name, verdict, news)
    if (verdict === 'failed') {
      this.#failed(result)
      return false
    }
    if (verdict === 'refused') this.#refused(result, parts)
    this.#recovered()
    const atMs = clock.monotonicMs()
    for (const { alert, what } of parts)
      alert.told.set(sink.name, { what: what === 'end' ? 'over' : 'raised', atMs })
    if (news > 0) told()
    return true
  }

  #post({ url, headers, body }: Message): Promise<PostResult> {
    const { clock, post } = this.#parts
    const lastMs = this.#lastUntilMs === undefined ? Infinity : this.#lastUntilMs - clock.monotonicMs()
    const late = new AbortController()
    const timer = clock.startTimer(Math.min(limits.alertSendMs, lastMs), () => late.abort())
    const signal = AbortSignal.any([late.signal, this.#closing.signal])
    return post({ url, headers, body }, signal).finally(() => timer.cancel())
  }

  #due(withinMs: number): { alert: Alert; due: Due }[] {
    const { alerts, clock, sink } = this.#parts
    const nowMs = clock.monotonicMs()
    return [...alerts()]
      .flatMap((alert) => {
        const due = dueTo(sink, alert, nowMs)
        return due && due.inMs <= withinMs ? [{ alert, due }] : []
      })
      .sort(({ alert: a }, { alert: b }) => bySeverity(a, b))
  }

  #waitForPermitMs(): number {
    const nowMs = this.#parts.clock.monotonicMs()
    const more = Math.floor((nowMs - this.#refilledAtMs) / limits.alertRefillMs)
    this.#permits = Math.min(limits.alertBurst, this.#permits + more)
    this.#refilledAtMs += more * limits.alertRefillMs
    return this.#permits > 0 ? 0 : this.#refilledAtMs + limits.alertRefillMs - nowMs
  }

  #failed(result: PostResult): void {
    const { logger, redact, random, sink } = this.#parts
    this.#failures++
    const reason = explain(result, redact)
    const fields = { event: 'alert.undelivered', sink: sink.name, reason, failures: this.#failures }
    const message = `alerts cannot be sent to ${sink.name}: ${reason}`
    if (this.#failures === 1) logger.warn(fields, message)
    else logger.debug(fields, message)
    const boundMs = Math.min(
      limits.alertRetryMaxMs,
      limits.alertRetryMinMs * 2 ** Math.min(20, this.#failures - 1),
    )
    const askedMs = result.status === undefined ? 0 : (result.retryAfterMs ?? 0)
    this.#workIn(Math.max(Math.min(askedMs, limits.alertRetryMaxMs), random() * boundMs))
  }

  #refused(result: PostResult, parts: readonly { alert: Alert }[]): void {
    const { logger, redact, sink } = this.#parts
    const reason = explain(result, redact)
    const names = [...new Set(parts.map(({ alert }) => alert.name))]
    const fields = { event: 'alert.refused', sink: sink.name, alerts: names, reason }
    logger.error(fields, `${sink.name} refuses ${names.join(', ')}: ${reason}`)
  }

  #recovered(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    const { logger, sink } = this.#parts
    logger.info({ event: 'alert.delivering', sink: sink.name }, `alerts reach ${sink.name} again`)
  }
}

/** What is wrong with the message itself stays wrong; everything else can be mended, also a wrong key. */
const refusals: ReadonlySet<number> = new Set([400, 413, 422])

export function verdictOf(result: PostResult): 'sent' | 'failed' | 'refused' {
  if (result.status === undefined) return 'failed'
  if (result.status >= 200 && result.status < 300) return 'sent'
  return refusals.has(result.status) ? 'refused' : 'failed'
}

/** One line, free of secrets also where a receiver says what it was sent. */
export function explain(result: PostResult, redact: Redact): string {
  if (result.status === undefined) return redact(result.reason)
  if (result.status >= 300 && result.status < 400)
    return `it answers ${result.status}, a redirect, which is not followed: name the final address`
  const answer = redact(result.answer)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, limits.alertAnswerShownChars)
  return `it answers ${result.status}${answer === '' ? '' : `: ${answer}`}`
}
