// The main thread's side of the worker. It is started with the first call that needs it: a container whose flow never
// submits anything pays nothing for the queue.

import { Worker } from 'node:worker_threads'
import { FlowkeepError, messageOf } from '../../core/errors.ts'
import type { JournalFigures } from '../journal.ts'
import type { Runner } from './client.ts'
import type { Call, Methods, StoreOptions } from './store.ts'
import { type Request, type Response, receivedError, type WorkerData } from './worker-protocol.ts'

/** The worker's source as one script; fixed in the bundle when it is built, absent in a checkout. */
declare const __FLOWKEEP_JOURNAL_WORKER__: string | undefined

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: FlowkeepError) => void
}

export class WorkerRunner implements Runner {
  readonly #store: StoreOptions
  #worker: Worker | undefined
  #figures: JournalFigures
  /** Sent with the end of this turn of the event loop. */
  #unsent: Call[] = []
  /** In the order of their calls, sent and unsent. */
  #waiting: Waiting[] = []
  #closing: Promise<void> | undefined

  constructor(store: StoreOptions, figures: JournalFigures) {
    this.#store = store
    this.#figures = figures
  }

  get figures(): JournalFigures {
    return this.#figures
  }

  call<Method extends keyof Methods>(
    method: Method,
    ...args: Parameters<Methods[Method]>
  ): Promise<ReturnType<Methods[Method]>> {
    if (this.#closing) return Promise.reject(gone('draining', 'it is closed'))
    return new Promise((resolve, reject) => {
      if (this.#unsent.length === 0) setImmediate(() => this.#send())
      this.#unsent.push({ method, args } as Call)
      this.#waiting.push({ resolve, reject })
    })
  }

  /** Opens the journal now, and has its figures afterwards. */
  async open(): Promise<void> {
    await this.call('lookUp', [])
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#send()
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.postMessage({ close: true } satisfies Request)
    await exited
  }

  #send(): void {
    if (this.#unsent.length === 0) return
    const calls = this.#unsent
    this.#unsent = []
    try {
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#worker.postMessage({ calls } satisfies Request)
    } catch (error) {
      // No thread is to be had (a limit of processes), or something in them cannot be copied: nothing of it was sent.
      const refused = gone('internal', `its thread cannot be told: ${messageOf(error)}`, error)
      for (const { reject } of this.#waiting.splice(-calls.length)) reject(refused)
    }
  }

  #start(): Worker {
    const worker = startWorker({ store: this.#store })
    worker.on('message', (response: Response) => this.#receive(response))
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => this.#exited(worker, cause))
    return worker
  }

  #receive({ outcomes, figures }: Response): void {
    if (figures) this.#figures = figures
    const answered = this.#waiting.splice(0, outcomes.length)
    for (const [index, { resolve, reject }] of answered.entries()) {
      const outcome = outcomes[index]
      if (outcome?.ok) resolve(outcome.value as never)
      else if (outcome) reject(receivedError(outcome.error))
    }
    if (this.#waiting.length === 0 && !this.#closing) this.#worker?.unref()
  }

  /** Whether what was under way is on disk nobody knows; the next call starts another worker. */
  #exited(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    const sent = this.#waiting.splice(0, this.#waiting.length - this.#unsent.length)
    const error = gone('internal', 'its thread has ended', cause)
    for (const { reject } of sent) reject(error)
  }
}

function startWorker(data: WorkerData): Worker {
  // Without the environment, which holds secrets. `import.meta` stands in the branch that the bundler drops.
  const options = { workerData: data, env: {}, name: 'journal' }
  return typeof __FLOWKEEP_JOURNAL_WORKER__ === 'string'
    ? new Worker(__FLOWKEEP_JOURNAL_WORKER__, { ...options, eval: true })
    : new Worker(new URL('./worker.ts', import.meta.url), options)
}

function gone(code: 'draining' | 'internal', message: string, cause?: unknown): FlowkeepError {
  return new FlowkeepError(code, {
    operation: 'cannot use the journal of the operation queue',
    message,
    hint:
      code === 'draining' ? 'start the supervisor again' : 'see the log around it; the next call tries again',
    cause,
  })
}
