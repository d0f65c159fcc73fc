// Work at times of the clock, by cron expressions of five or six fields (seconds first). node-cron says when; the waiting
// is done here, because the clock may be set: a jump ahead makes one run, not one for each moment
// that was passed over, and a clock that was set back keeps no job waiting until it has caught up.
//
// A run that is still under way is not begun a second time, and what it throws is logged, never thrown. Many replicas have
// the same schedule: each run is put off by a random moment, so that they do not all ask the database at once.

import { createTask } from 'node-cron'
import { type Clock, systemClock, type Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'

export interface Scheduled {
  stop(): void
}

export interface Job {
  /** For the log. */
  readonly name: string
  readonly expression: string
  readonly jitterMs: number
  run(): Promise<void>
}

export interface ScheduleParts {
  readonly clock: Clock
  random(): number
  /** Tells when the expression fits next after this moment, both in wall-clock ms. */
  moments(expression: string): (nowWallMs: number) => number
}

const inUse: ScheduleParts = { clock: systemClock, random: Math.random, moments }

/** @throws where the expression fits no moment: the 31st of February */
export function schedule(job: Job, logger: Logger, parts: ScheduleParts = inUse): Scheduled {
  const { clock, random } = parts
  const nextAfter = parts.moments(job.expression)
  let dueWallMs = nextAfter(clock.wallMs())
  let underWay = false
  let timer: Timer
  let putOff: Timer | undefined

  const wait = () => {
    const leftMs = Math.max(0, dueWallMs - clock.wallMs())
    timer = clock.startTimer(Math.min(leftMs, limits.scheduleLookMs), look)
  }
  const look = () => {
    if (clock.wallMs() >= dueWallMs && !underWay) begin()
    // Asked anew each time: after a clock that was set back the next moment is an earlier one.
    dueWallMs = nextAfter(clock.wallMs())
    wait()
  }
  const begin = () => {
    underWay = true
    putOff = clock.startTimer(random() * job.jitterMs, () => void run())
  }
  const run = async () => {
    try {
      await job.run()
    } catch (error) {
      logger.error({ event: 'schedule.failed', job: job.name }, `${job.name} failed: ${messageOf(error)}`)
    }
    underWay = false
  }
  wait()
  return {
    stop() {
      timer.cancel()
      putOff?.cancel()
    },
  }
}

/** Every so many seconds, as nearly as cron can say it: from every second to every half minute. */
export function everySeconds(seconds: number): string {
  return `*/${Math.min(30, Math.max(1, Math.round(seconds)))} * * * * *`
}

/** node-cron knows one moment to begin from: now. */
function moments(expression: string): () => number {
  const task = createTask(expression, () => {}, { timezone: 'Etc/UTC' })
  // Not to be run by it, nor kept in its list; asked it can be all the same.
  void task.destroy()
  return () => {
    const [next] = task.getNextRuns(1)
    if (next === undefined) throw new Error(`${expression} fits no moment`)
    return next.getTime()
  }
}
