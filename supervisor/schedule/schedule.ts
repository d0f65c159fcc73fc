// Work at times of the clock, by cron expressions of six fields (seconds first). A run that is still under way is not
// begun a second time, and what it throws is logged, never thrown. Many replicas have the same schedule: each run is put
// off by a random moment, so that they do not all ask the database at once.

import { createTask } from 'node-cron'
import { messageOf } from '../core/errors.ts'
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

export function schedule(job: Job, logger: Logger): Scheduled {
  const failed = (error: unknown) =>
    logger.error({ event: 'schedule.failed', job: job.name }, `${job.name} failed: ${messageOf(error)}`)
  const task = createTask(job.expression, () => job.run().catch(failed), {
    noOverlap: true,
    maxRandomDelay: job.jitterMs,
    timezone: 'Etc/UTC',
    suppressMissedWarning: true,
    unref: true,
    // By itself it writes to the console, which is our log.
    logger: {
      debug: () => {},
      info: () => {},
      warn: (message) => logger.debug({ event: 'schedule.late', job: job.name }, message),
      error: failed,
    },
  })
  void task.start()
  return { stop: () => void task.destroy() }
}

/** Every so many seconds, as nearly as cron can say it: from every second to every half minute. */
export function everySeconds(seconds: number): string {
  return `*/${Math.min(30, Math.max(1, Math.round(seconds)))} * * * * *`
}
