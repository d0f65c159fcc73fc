// Disks, put together for the running supervisor and for `flowkeep cleanup`: what is watched, and what is done about it.
// Clean-up itself is loaded where there is something to clean up.

import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import type { DiskState } from './core/disk.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import type { Redact } from './core/secret.ts'
import type { HealthCheck } from './health/check.ts'
import { createDiskCheck } from './health/disk-check.ts'
import type { CleanUpReport, Removed } from './resources/clean-up.ts'
import { createDisks, type Space } from './resources/disk.ts'
import { DiskGuard, type Shortage } from './resources/disk-guard.ts'
import { type Scheduled, schedule } from './schedule/schedule.ts'

export interface DiskHost {
  readonly clock: Clock
  readonly logger: Logger
  readonly redact: Redact
  /** As they are now. */
  settings(): Settings
  /** Whether any watched path is critical has changed. */
  critical(now: boolean): void
  /** Bytes that a clean-up has freed. */
  cleaned(bytes: number): void
}

export interface WatchedDisks {
  spaces(): Promise<ReadonlyMap<string, Space>>
  readonly isCritical: boolean
  /** As they were at the last check. */
  readonly states: readonly DiskState[]
  check(times: { readonly intervalMs: number; readonly timeoutMs: number }): HealthCheck
  /** Begins the scheduled clean-up, or begins it anew with other settings. */
  reconfigure(): void
}

export function watchDisks(host: DiskHost): WatchedDisks {
  const { clock, logger } = host
  let scheduled: Scheduled | undefined
  let underWay: Promise<void> | undefined
  let lastAtMs = Number.NEGATIVE_INFINITY
  const disks = createDisks(() => watched(host.settings()), clock)

  const clean = (shortages: readonly Shortage[]) => {
    underWay ??= cleanNow(host, shortages).finally(() => {
      underWay = undefined
      lastAtMs = clock.monotonicMs()
    })
    return underWay
  }
  const guard = new DiskGuard({
    logger,
    disks,
    thresholds: () => host.settings().disk,
    critical: host.critical,
    low(shortages) {
      if (clock.monotonicMs() - lastAtMs >= limits.cleanupLowPauseMs) void clean(shortages)
    },
  })
  return {
    spaces: () => disks.spaces(),
    get isCritical() {
      return guard.isCritical
    },
    get states() {
      return guard.states
    },
    check: (times) => createDiskCheck({ ...times, look: () => guard.look() }),
    reconfigure() {
      guard.forget(watched(host.settings()))
      scheduled?.stop()
      const { paths, schedule: expression } = host.settings().cleanup
      scheduled =
        paths.length === 0
          ? undefined
          : schedule(
              { name: 'clean-up', expression, jitterMs: limits.cleanupJitterMs, run: () => clean([]) },
              logger,
            )
    },
  }
}

function watched({ state, cleanup }: Settings): string[] {
  return [...new Set([state.directory, '/tmp', ...cleanup.paths])]
}

/** Never rejects. */
async function cleanNow(host: DiskHost, shortages: readonly Shortage[]): Promise<void> {
  const { clock, logger, redact } = host
  for (const report of await cleanPaths(host.settings(), clock, { dryRun: false, shortages })) {
    const { path, files, bytes, open, problems, cut } = report
    host.cleaned(bytes)
    const fields = { event: 'cleanup.done', path, files, bytes, open, cut }
    if (problems.length > 0) {
      const what = redact(problems.slice(0, 3).join('; '))
      logger.warn({ ...fields, problems: problems.length }, `clean-up of ${path} is not complete: ${what}`)
    } else if (files > 0) logger.info(fields, `clean-up of ${path} freed ${bytes} bytes in ${files} files`)
  }
}

export interface Cleaning {
  readonly dryRun: boolean
  readonly shortages: readonly Shortage[]
  removed?(file: Removed): void
}

/** Never rejects. */
export async function cleanPaths(
  settings: Settings,
  clock: Clock,
  { dryRun, shortages, removed }: Cleaning,
): Promise<readonly CleanUpReport[]> {
  const { paths, maxAgeMs } = settings.cleanup
  if (paths.length === 0) return []
  const { cleanUp } = await import('./resources/clean-up.ts')
  const keep = [settings.state.directory, settings.health.directory, dirname(settings.control.socket)]
  const missing = await byDevice(shortages)
  return cleanUp({ paths, maxAgeMs, dryRun, keep, missing, ...(removed ? { removed } : {}) }, clock)
}

async function byDevice(shortages: readonly Shortage[]): Promise<Map<string, number>> {
  const missing = new Map<string, number>()
  for (const { path, missingBytes = Number.POSITIVE_INFINITY } of shortages) {
    const device = await stat(path, { bigint: true }).catch(() => undefined)
    const key = String(device?.dev)
    if (device) missing.set(key, Math.max(missingBytes, missing.get(key) ?? 0))
  }
  return missing
}

/** What a clean-up by hand would find missing now. */
export async function shortagesNow(settings: Settings, clock: Clock): Promise<readonly Shortage[]> {
  const found: Shortage[] = []
  const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
  const guard = new DiskGuard({
    ...{
      logger: silent,
      disks: createDisks(() => watched(settings), clock),
      thresholds: () => settings.disk,
    },
    critical: () => {},
    low: (shortages) => void found.push(...shortages),
  })
  await guard.look()
  return found
}
