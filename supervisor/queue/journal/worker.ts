// The thread that waits for the disk. Whatever has arrived while one transaction was written is the next one, so a
// slow disk makes the groups larger and not the queue longer.

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { JournalFigures } from '../journal.ts'
import { type Call, noFigures, type Outcome, Store } from './store.ts'
import {
  type Request,
  type Response,
  type SentOutcome,
  sentError,
  type WorkerData,
} from './worker-protocol.ts'

class JournalWorker {
  readonly #port: MessagePort
  readonly #data: WorkerData
  #store: Store | undefined
  /** While there is no store. */
  #unopened: JournalFigures | undefined
  #scrubbing = false
  /** Between two steps of the check. */
  #rest: NodeJS.Timeout | undefined
  #refresh: NodeJS.Timeout | undefined

  constructor(port: MessagePort, data: WorkerData) {
    this.#port = port
    this.#data = data
    port.on('message', (first: Request) => this.#receive(first))
  }

  #receive(first: Request): void {
    const calls: Call[] = []
    for (let request: Request | undefined = first; request; request = this.#next(calls)) {
      if ('close' in request) {
        this.#close(calls)
        return
      }
      calls.push(...request.calls)
    }
    this.#answer(this.#run(calls))
    this.#afterwards()
  }

  /** Another request that waits already, unless the group is large enough. */
  #next(calls: readonly Call[]): Request | undefined {
    if (calls.length >= limits.queueGroupCalls) return undefined
    return receiveMessageOnPort(this.#port)?.message as Request | undefined
  }

  #run(calls: readonly Call[]): Outcome[] {
    try {
      return this.#opened().batch(calls)
    } catch (error) {
      return calls.map(() => ({ ok: false, error }))
    }
  }

  #opened(): Store {
    try {
      this.#store ??= new Store(this.#data.store, systemClock)
      return this.#store
    } catch (error) {
      this.#unopened = { ...noFigures, failing: messageOf(error) }
      throw error
    }
  }

  #answer(outcomes: readonly Outcome[], closed = false): void {
    const figures = this.#store?.figures ?? this.#unopened
    const sent = outcomes.map(
      (each): SentOutcome => (each.ok ? each : { ok: false, error: sentError(each.error) }),
    )
    this.#port.postMessage({ outcomes: sent, figures, closed } satisfies Response)
  }

  /** A large journal is checked bit by bit; a full disk, and one that failed, are looked at again. */
  #afterwards(): void {
    if (!this.#scrubbing) {
      this.#scrubbing = true
      setImmediate(() => this.#scrub())
    }
    const { diskFull, failing } = this.#store?.figures ?? this.#unopened ?? noFigures
    if ((diskFull || failing !== undefined) && !this.#refresh) {
      this.#refresh = setTimeout(() => this.#refreshDisk(), limits.queueReopenMs)
    }
  }

  /** It rests as long as it works: a million entries take minutes, and what is submitted meanwhile goes first. */
  #scrub(): void {
    const startedMs = performance.now()
    const [store, before] = [this.#store, this.#store?.figures]
    const more = store?.scrub() ?? false
    if (store && store.figures !== before) this.#answer([])
    if (more) this.#rest = setTimeout(() => this.#scrub(), performance.now() - startedMs)
    else this.#scrubbing = false
  }

  #refreshDisk(): void {
    this.#refresh = undefined
    try {
      this.#opened().refreshDisk()
    } catch {
      // Its figures say why.
    }
    this.#answer([])
    this.#afterwards()
  }

  #close(calls: readonly Call[]): void {
    const outcomes = calls.length > 0 ? this.#run(calls) : []
    this.#store?.close()
    clearTimeout(this.#refresh)
    clearTimeout(this.#rest)
    this.#answer(outcomes, true)
    this.#port.close()
  }
}

if (parentPort) new JournalWorker(parentPort, workerData as WorkerData)
