// Takes a sample at intervals and keeps as many as matter. Everything that could be counted is a count, so a sample is
// a few small files, and what lies between two of them is not missed.

import type { Clock, Timer } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { DiskSpace, PerformanceReport, Sample, Tunables } from '../core/performance.ts'

export interface PerformanceParts {
  readonly clock: Clock
  /** 0 takes none by itself. */
  intervalMs(): number
  sample(): Sample
  tunables(): Tunables
  disks(): Promise<ReadonlyMap<string, DiskSpace>>
}

export class PerformanceMonitor {
  readonly #parts: PerformanceParts
  #samples: Sample[] = []
  #timer: Timer | undefined

  constructor(parts: PerformanceParts) {
    this.#parts = parts
  }

  /** Also begins anew with another interval. */
  start(): void {
    this.#timer?.cancel()
    const intervalMs = this.#parts.intervalMs()
    if (this.#samples.length === 0) this.#take()
    if (intervalMs === 0) return
    this.#timer = this.#parts.clock.startTimer(intervalMs, () => {
      this.#take()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** What is the case at this moment, for whoever keeps figures of their own. */
  now(): Sample {
    return this.#parts.sample()
  }

  /** With a sample of this moment. */
  async report(): Promise<PerformanceReport> {
    const { disks, sample, tunables } = this.#parts
    const [{ reportOn }, spaces] = await Promise.all([import('./report.ts'), disks()])
    return reportOn([...this.#samples, sample()], tunables(), spaces)
  }

  #take(): void {
    this.#samples.push(this.#parts.sample())
    if (this.#samples.length > limits.performanceSamples) this.#samples.shift()
  }
}
