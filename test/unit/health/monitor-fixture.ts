import type { Test } from 'tap'
import { createRedactor } from '../../../supervisor/core/secret.ts'
import type { CheckOutcome, HealthCheck } from '../../../supervisor/health/check.ts'
import { HealthMonitor, type MonitorParts } from '../../../supervisor/health/monitor.ts'
import { createTestClock } from '../../harness/test-clock.ts'

export const good: CheckOutcome = { status: 'healthy', message: 'ok' }
export const bad: CheckOutcome = { status: 'unhealthy', message: 'refused: connection refused' }

export interface ScriptedCheck extends HealthCheck {
  /** What the next runs answer; the last one is repeated. A run that finds nothing stays open. */
  outcomes: CheckOutcome[]
  runs: number
  readonly signals: AbortSignal[]
  finish(outcome: CheckOutcome): void
}

export function scripted(options: Partial<HealthCheck> = {}, ...outcomes: CheckOutcome[]): ScriptedCheck {
  let open: ((outcome: CheckOutcome) => void) | undefined
  return {
    name: 'database:rpa_db',
    intervalMs: 10_000,
    timeoutMs: 5_000,
    outcomes,
    runs: 0,
    signals: [],
    async run(signal) {
      this.runs++
      this.signals.push(signal)
      const [next] = this.outcomes.length > 1 ? [this.outcomes.shift()] : this.outcomes
      return (
        next ??
        new Promise((resolve) => {
          open = resolve
        })
      )
    },
    finish: (outcome) => open?.(outcome),
    ...options,
  }
}

/** The interval is exact: half of the jitter is 0. */
export function watch(t: Test, checks: readonly HealthCheck[], parts: Partial<MonitorParts> = {}) {
  const clock = createTestClock()
  let pausedMs = 0
  const logged: Record<string, unknown>[] = []
  const keep = (fields: Record<string, unknown>) => void logged.push(fields)
  const monitor = new HealthMonitor({
    clock: { ...clock, monotonicMs: () => clock.monotonicMs() + pausedMs },
    random: () => 0.5,
    redact: createRedactor([]),
    logger: { debug: keep, info: keep, warn: keep, error: keep },
    flowName: 'orders',
    instance: 'orders-1',
    version: '1.2.3',
    state: () => 'running',
    flow: () => ({
      alive: true,
      ready: true,
      generation: 1,
      restarts: 0,
      crashLooping: false,
      stuck: undefined,
      sinceMs: 0,
    }),
    ...parts,
  })
  monitor.start(checks)
  t.teardown(() => {
    void monitor.stop()
  })
  return {
    clock,
    monitor,
    logged,
    /** Moves time on and lets the runs that fell due return. */
    async pass(ms: number) {
      clock.advance(ms)
      await new Promise((resolve) => setImmediate(resolve))
    },
    /** Time in which the whole container stood still: it has passed, and no timer has fired. */
    pause(ms: number) {
      pausedMs += ms
    },
    statusOf: (name = 'database:rpa_db') => monitor.report().checks[name]?.status,
    check: (name = 'database:rpa_db') => monitor.report().checks[name],
  }
}
