import { createMetrics, type Metrics } from '../../../supervisor/metrics/registry.ts'
import type { MetricSources } from '../../../supervisor/metrics/sources.ts'
import { emptyStats, idleTarget } from '../../harness/fake-queue.ts'
import { rest, sessions } from '../performance/samples.ts'

const since = '2030-01-01T00:00:00.000Z'

const sources: MetricSources = {
  version: '1.2.3',
  flow: 'orders',
  instance: 'orders-1',
  environment: 'test',
  state: () => 'running',
  health: () => ({
    checks: {
      flow: { status: 'healthy', message: 'running', since, durationMs: 0 },
      memory: { status: 'degraded', message: 'nearly full', since, durationMs: 1 },
      'database:rpa_db': { status: 'unhealthy', message: 'refused', since, durationMs: 250 },
      'service:prefect': { status: 'healthy', message: 'ok', since, durationMs: 20 },
    },
  }),
  linesDropped: () => 4,
  resources: () => ({
    cpuSeconds: 12.5,
    cpuThrottledSeconds: 0.5,
    memoryBytes: 1000,
    memoryLimitBytes: 2000,
    oomKills: 1,
  }),
  flowIdleMs: () => 2500,
  performance: () => ({
    ...rest,
    ...sessions({ inUse: 2, waiting: 1, uses: 9, usedMs: 1500, waitedMs: 250 }),
    ...{ readBytes: 4096, writtenBytes: 8192, loopActiveMs: 1000, loopIdleMs: 9000 },
  }),
  records: () => ({
    ...{ database: 'rpa_db', state: 'ready', held: 1, ahead: 2 },
    queues: {
      orders: {
        ...{ pending: 7, scheduled: 1, running: 3, failedKept: 2 },
        ...{ claimed: 12, completed: 9, failed: 1, fenced: 2 },
      },
    },
  }),
  queue: () => ({
    ...emptyStats,
    operations: 5,
    bytes: 4096,
    oldestAgeMs: 90_000,
    targets: {
      rpa_db: { ...idleTarget, queued: 3, held: 1, dead: 2, breaker: 'open', reason: 'refused' },
      prefect: { ...idleTarget, kind: 'service', queued: 1, breaker: 'half_open' },
    },
  }),
  disks: async () =>
    new Map([['/var/lib/flowkeep', { freeBytes: 12_345, sizeBytes: 50_000, freeInodes: 10, inodes: 20 }]]),
}

/** Everything has happened at least once, unless `filled` is false. */
export function createFilledMetrics(
  overrides: Partial<MetricSources> = {},
  filled = true,
): { metrics: Metrics } {
  const metrics = createMetrics({ ...sources, ...overrides })
  if (filled) {
    metrics.flowStarted(Date.parse('2029-12-31T23:59:00Z'))
    metrics.flowExited('flow_signaled')
    metrics.flowStarted(Date.parse(since))
    metrics.flowStuck('restarted')
    metrics.gateWaited(1.5)
    metrics.orphansReaped(7)
    metrics.signalForwarded('SIGHUP')
    metrics.logLines('stderr', 3)
    metrics.configReloaded('refused')
    metrics.securityChecked({ critical: 0, high: 2, medium: 1, low: 0 })
    metrics.unexpectedEvent()
    metrics.operationsCounted('rpa_db', 'applied', 3)
    metrics.operationsCounted('rpa_db', 'dead')
  }
  return { metrics }
}

/** `name{labels}` → value. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const space = line.lastIndexOf(' ')
    samples.set(line.slice(0, space), Number(line.slice(space + 1)))
  }
  return samples
}
