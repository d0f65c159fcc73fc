// All metrics, behind one module, so that the library can be changed in one place. What happens is counted when it
// happens (the methods); what merely is (the sources) is read at the scrape.

import { setImmediate } from 'node:timers/promises'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { type ExitReason, exitReasons } from '../core/exit.ts'
import { openMetricsContentType, textContentType, wantsOpenMetrics } from './accept.ts'
import { createLabelGuard } from './label-guard.ts'
import { toOpenMetrics } from './open-metrics.ts'
import { createOperationCounter } from './queue.ts'
import { addSources, type MetricSources } from './sources.ts'

/** A hundred years: the period of a timer that cannot be left out. */
const neverMs = 100 * 365 * 24 * 3_600_000

export interface Metrics {
  /** @param atMs wall-clock ms */
  flowStarted(atMs: number): void
  flowExited(reason: ExitReason): void
  /** It lives and does not get on. */
  flowStuck(result: 'restarted' | 'left'): void
  /** The gate opened, or was given up on, after this long. */
  gateWaited(seconds: number): void
  orphansReaped(count: number): void
  /** @param signal as in `SIGHUP` */
  signalForwarded(signal: string): void
  logLines(stream: 'stdout' | 'stderr', count: number): void
  /** Lines of the flow so far, of both streams. */
  linesLogged(): number
  /** @param result one of a few words, `applied` or `refused` */
  configReloaded(result: string): void
  /** @param result one of a few words: `applied`, `queued`, `refused`, `dead` … */
  operationsCounted(target: string, result: string, count?: number): void
  /** @param failed how many checks failed, by severity */
  securityChecked(failed: Readonly<Record<string, number>>): void
  /** What became of alerts on their way to a receiver: `sent`, `failed`, `refused`. */
  alerted(sink: string, result: string, count: number): void
  /** Clean-up has freed this much. */
  cleanedUp(bytes: number): void
  /** An event that the lifecycle's table has no entry for. */
  unexpectedEvent(): void
  /** @param accept the request's Accept header */
  render(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string }>
}

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name: `flowkeep_${name}`, help, labelNames, registers: [registry] })

  const gauge = (name: string, help: string) =>
    new Gauge({ name: `flowkeep_${name}`, help, registers: [registry] })

  const flowStarts = counter('flow_starts_total', 'Starts of the flow.')
  const flowExits = counter('flow_exits_total', 'Ends of the flow, by reason.', ['reason'])
  for (const reason of exitReasons.filter((reason) => reason.startsWith('flow_')))
    flowExits.inc({ reason }, 0)
  const stuck = counter(
    'flow_stuck_total',
    'Times the flow made no progress: restarted, or left to a person.',
    ['result'],
  )
  for (const result of ['restarted', 'left']) stuck.inc({ result }, 0)
  const flowRunning = gauge('flow_running', 'Whether the flow runs.')
  const flowStart = gauge('flow_start_timestamp_seconds', 'When the flow was last started.')
  const gateWait = gauge('gate_wait_seconds', 'How long the last wait for the dependencies took.')
  // Not known yet, and 0 would be a lie.
  flowStart.remove()
  gateWait.remove()
  const orphans = counter('orphans_reaped_total', 'Adopted processes whose exit status was collected.')
  const signals = counter('signals_forwarded_total', 'Signals passed on to the flow.', ['signal'])
  const guardSignal = createLabelGuard()
  const guardResult = createLabelGuard(4)
  const lines = counter('log_lines_total', 'Log lines of the flow.', ['stream'])
  for (const stream of ['stdout', 'stderr']) lines.inc({ stream }, 0)
  let linesLogged = 0
  const reloads = counter('config_reloads_total', 'Changed configurations, applied or refused.', ['result'])
  for (const result of ['applied', 'refused']) reloads.inc({ result }, 0)
  const findings = new Gauge({
    name: 'flowkeep_security_findings',
    help: 'Security checks that failed at the start and are not accepted, by severity.',
    labelNames: ['severity'],
    registers: [registry],
  })
  const unexpected = counter(
    'unexpected_events_total',
    'Events that do not fit the state of the supervisor: each is a defect of Flowkeep.',
  )
  const alerts = counter('alerts_total', 'Alerts by receiver and by what became of them.', ['sink', 'result'])
  const cleaned = counter('cleanup_bytes_total', 'Bytes freed by clean-up.')
  const countOperations = createOperationCounter(registry)
  const readSources = addSources(registry, sources)
  const measureLag = addProcessMetrics(registry)

  return {
    flowStarted(atMs) {
      flowStarts.inc()
      flowRunning.set(1)
      flowStart.set(atMs / 1000)
    },
    flowExited(reason) {
      flowExits.inc({ reason })
      flowRunning.set(0)
    },
    flowStuck: (result) => stuck.inc({ result }),
    gateWaited: (seconds) => gateWait.set(seconds),
    orphansReaped: (count) => orphans.inc(count),
    signalForwarded: (signal) => signals.inc({ signal: guardSignal(signal) }),
    logLines(stream, count) {
      lines.inc({ stream }, count)
      linesLogged += count
    },
    linesLogged: () => linesLogged,
    configReloaded: (result) => reloads.inc({ result: guardResult(result) }),
    operationsCounted: (target, result, count = 1) => countOperations(target, result, count),
    securityChecked(failed) {
      for (const [severity, count] of Object.entries(failed)) findings.set({ severity }, count)
    },
    alerted: (sink, result, count) => alerts.inc({ sink, result }, count),
    cleanedUp: (bytes) => cleaned.inc(bytes),
    unexpectedEvent: () => unexpected.inc(),
    async render(accept) {
      await Promise.all([readSources(), measureLag()])
      const body = await registry.metrics()
      if (!wantsOpenMetrics(accept)) return { contentType: textContentType, body }
      return { contentType: openMetricsContentType, body: toOpenMetrics(body) }
    },
  }
}

/**
 * prom-client's metrics of this process, without the three gauges that are misnamed as counters, and with a lag of the
 * event loop of our own: the library's come from a timer that wakes an idle process a hundred times a second and counts
 * its period as lag, and working them out is a third of a scrape.
 * @returns measures the lag, at the scrape
 */
function addProcessMetrics(registry: Registry): () => Promise<void> {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs })
  for (const misnamed of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${misnamed}_total`)
  }
  for (const figure of ['', 'min_', 'max_', 'mean_', 'stddev_', 'p50_', 'p90_', 'p99_']) {
    registry.removeSingleMetric(`nodejs_eventloop_lag_${figure}seconds`)
  }
  const lag = new Gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'How late the event loop came to what it had to do next, at the scrape.',
    registers: [registry],
  })
  return async () => {
    const startedMs = performance.now()
    await setImmediate()
    lag.set((performance.now() - startedMs) / 1000)
  }
}
