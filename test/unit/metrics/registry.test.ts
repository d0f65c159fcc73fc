import t from 'tap'
import type { CheckReport } from '../../../supervisor/core/health.ts'
import { stateNames } from '../../../supervisor/core/lifecycle.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { TargetStats } from '../../../supervisor/core/queue.ts'
import type { RecordQueueStats } from '../../../supervisor/core/records.ts'
import type { PerformanceFigures } from '../../../supervisor/metrics/performance.ts'
import type { DiskFigures } from '../../../supervisor/metrics/sources.ts'
import { emptyStats, idleTarget } from '../../harness/fake-queue.ts'
import { createFilledMetrics, samplesOf } from './metrics-fixture.ts'

t.test('R5.2 every metric of the contract that concerns a single container is there', async (t) => {
  const { metrics } = createFilledMetrics()
  const { contentType, body } = await metrics.render(undefined)
  t.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
  const samples = samplesOf(body)
  const expected: Record<string, number> = {
    'flowkeep_info{version="1.2.3",flow="orders",instance_id="orders-1",environment="test"}': 1,
    'flowkeep_state{state="running"}': 1,
    'flowkeep_state{state="gating"}': 0,
    'flowkeep_health_status{check="flow"}': 1,
    'flowkeep_health_status{check="memory"}': 0.5,
    'flowkeep_health_status{check="database:rpa_db"}': 0,
    'flowkeep_check_duration_seconds{check="database:rpa_db"}': 0.25,
    'flowkeep_dependency_up{dependency="database:rpa_db"}': 0,
    'flowkeep_dependency_up{dependency="service:prefect"}': 1,
    flowkeep_gate_wait_seconds: 1.5,
    flowkeep_flow_idle_seconds: 2.5,
    flowkeep_container_cpu_limit_cpus: 1,
    flowkeep_container_pids: 20,
    'flowkeep_container_io_bytes_total{direction="written"}': 8192,
    'flowkeep_pressure_stalled_seconds_total{resource="io",kind="some",of="container"}': 0,
    'flowkeep_event_loop_seconds_total{state="active"}': 1,
    'flowkeep_database_sessions_in_use{database="rpa_db"}': 2,
    'flowkeep_database_session_uses_total{database="rpa_db"}': 9,
    'flowkeep_database_session_used_seconds_total{database="rpa_db"}': 1.5,
    'flowkeep_database_session_waited_seconds_total{database="rpa_db"}': 0.25,
    'flowkeep_flow_stuck_total{result="restarted"}': 1,
    'flowkeep_flow_stuck_total{result="left"}': 0,
    flowkeep_flow_starts_total: 2,
    'flowkeep_flow_exits_total{reason="flow_signaled"}': 1,
    'flowkeep_flow_exits_total{reason="flow_exited"}': 0,
    flowkeep_flow_running: 1,
    flowkeep_flow_start_timestamp_seconds: 1893456000,
    flowkeep_orphans_reaped_total: 7,
    'flowkeep_signals_forwarded_total{signal="SIGHUP"}': 1,
    'flowkeep_log_lines_total{stream="stderr"}': 3,
    flowkeep_log_lines_dropped_total: 4,
    'flowkeep_config_reloads_total{result="refused"}': 1,
    'flowkeep_security_findings{severity="critical"}': 0,
    'flowkeep_security_findings{severity="high"}': 2,
    flowkeep_container_cpu_seconds_total: 12.5,
    flowkeep_container_cpu_throttled_seconds_total: 0.5,
    flowkeep_container_memory_bytes: 1000,
    flowkeep_container_memory_limit_bytes: 2000,
    flowkeep_container_oom_kills_total: 1,
    'flowkeep_disk_free_bytes{path="/var/lib/flowkeep"}': 12345,
    flowkeep_unexpected_events_total: 1,
    'flowkeep_operations_queued{target="rpa_db"}': 4,
    'flowkeep_operations_queued{target="prefect"}': 1,
    flowkeep_operations_queued_bytes: 4096,
    flowkeep_operations_oldest_age_seconds: 90,
    'flowkeep_operations_dead{target="rpa_db"}': 2,
    'flowkeep_operations_dead{target="prefect"}': 0,
    'flowkeep_breaker_state{target="rpa_db"}': 2,
    'flowkeep_breaker_state{target="prefect"}': 1,
    'flowkeep_records_claimed_total{queue="orders"}': 12,
    'flowkeep_records_completed_total{queue="orders"}': 9,
    'flowkeep_records_failed_total{queue="orders"}': 1,
    'flowkeep_records_fenced_total{queue="orders"}': 2,
    'flowkeep_records_pending{queue="orders"}': 7,
    'flowkeep_operations_total{target="rpa_db",result="applied"}': 3,
    'flowkeep_operations_total{target="rpa_db",result="dead"}': 1,
  }
  for (const [name, value] of Object.entries(expected)) t.equal(samples.get(name), value, name)
  t.equal([...samples.keys()].filter((name) => name.startsWith('flowkeep_state{')).length, stateNames.length)
  t.ok((samples.get('process_resident_memory_bytes') ?? 0) > 0)
})

t.test('R5.2 the gauges that are misnamed as counters are left out', async (t) => {
  const { body } = await createFilledMetrics().metrics.render(undefined)
  for (const [, name, type] of body.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    t.equal(name?.endsWith('_total'), type === 'counter', `${name} ${type}`)
  }
  t.notMatch(body, 'nodejs_active_handles_total')
})

t.test('R6.2 no figure comes from a timer that keeps an idle process awake', async (t) => {
  const { body } = await createFilledMetrics().metrics.render(undefined)
  t.match(body, /^nodejs_eventloop_lag_seconds /m)
  t.notMatch(body, /^nodejs_eventloop_lag_(?:min|max|mean|stddev|p\d+)_seconds/m)
})

t.test('R6.1 what the kernel does not say has no sample', async (t) => {
  const nothing = {
    cpuSeconds: undefined,
    cpuThrottledSeconds: undefined,
    memoryBytes: undefined,
    memoryLimitBytes: undefined,
    oomKills: undefined,
  }
  const unknown: PerformanceFigures = {
    ...{ cpuLimit: undefined, pids: undefined, pidsLimit: undefined, pressure: undefined },
    ...{ readBytes: undefined, writtenBytes: undefined, tcpInUse: undefined },
    ...{ databases: {}, loopActiveMs: 0, loopIdleMs: 0 },
  }
  let resources: Record<keyof typeof nothing, number | undefined> = nothing
  const { metrics } = createFilledMetrics({ resources: () => resources, performance: () => unknown })
  const names = async () =>
    [...samplesOf((await metrics.render(undefined)).body).keys()].filter((name) =>
      name.includes('_container_'),
    )
  t.strictSame(await names(), [])
  resources = { ...nothing, memoryBytes: 1, oomKills: 0 }
  t.strictSame((await names()).sort(), [
    'flowkeep_container_memory_bytes',
    'flowkeep_container_oom_kills_total',
  ])
  resources = nothing
  t.strictSame(await names(), [])
})

t.test(
  'R5.2 before the first start there is no start time, and totals are scraped more than once',
  async (t) => {
    const { metrics } = createFilledMetrics({}, false)
    const first = samplesOf((await metrics.render(undefined)).body)
    t.notOk(first.has('flowkeep_flow_start_timestamp_seconds'))
    t.notOk(first.has('flowkeep_gate_wait_seconds'))
    t.equal(first.get('flowkeep_flow_running'), 0)
    const second = samplesOf((await metrics.render(undefined)).body)
    t.equal(second.get('flowkeep_log_lines_dropped_total'), 4)
    t.equal(second.get('flowkeep_container_cpu_seconds_total'), 12.5)
  },
)

t.test('R1.5 checks that are gone after a reload leave no series', async (t) => {
  let checks: Record<string, CheckReport> = {}
  const { metrics } = createFilledMetrics({ health: () => ({ checks }) })
  const check = { status: 'healthy', message: '', since: '', durationMs: 1 } as const
  checks = { 'database:old': check }
  t.match((await metrics.render(undefined)).body, 'database:old')
  checks = { 'database:new': check }
  const { body } = await metrics.render(undefined)
  t.notMatch(body, 'database:old')
  t.match(body, 'flowkeep_dependency_up{dependency="database:new"} 1')
})

t.test('§10 100,000 names from outside make no more series than the bound', async (t) => {
  const checks: Record<string, CheckReport> = {}
  const disks = new Map<string, DiskFigures>()
  for (let n = 0; n < 100_000; n++) {
    checks[`database:${n}`] = { status: 'healthy', message: '', since: '', durationMs: 1 }
    disks.set(`/mnt/${n}`, { freeBytes: n, sizeBytes: n, freeInodes: n, inodes: n })
  }
  const targets: Record<string, TargetStats> = {}
  for (let n = 0; n < 1_000; n++) targets[`database_${n}`] = { ...idleTarget, queued: 1, dead: 2 }
  const queues: Record<string, RecordQueueStats> = {}
  const counts = {
    pending: 1,
    scheduled: 0,
    running: 0,
    failedKept: 0,
    claimed: 1,
    completed: 1,
    failed: 1,
    fenced: 1,
  }
  for (let n = 0; n < 200; n++) queues[`queue_${n}`] = counts
  const { metrics } = createFilledMetrics({
    records: () => ({ database: 'flows', state: 'ready', held: 0, ahead: 0, queues }),
    health: () => ({ checks }),
    disks: async () => disks,
    queue: () => ({ ...emptyStats, targets }),
  })
  for (let n = 0; n < 100_000; n++) {
    metrics.signalForwarded(`SIGX${n}`)
    metrics.configReloaded(`result-${n}`)
    metrics.operationsCounted(`target-${n}`, `result-${n % 100}`)
  }
  const samples = samplesOf((await metrics.render(undefined)).body)
  t.ok(samples.size <= limits.metricSeries, `${samples.size} series`)
  t.equal(samples.get('flowkeep_records_pending{queue="other"}'), 200 - limits.metricRecordQueues)
  t.equal(samples.get('flowkeep_operations_dead{target="other"}'), 2 * (1_000 - limits.metricTargets))
  t.equal(
    samples.get('flowkeep_signals_forwarded_total{signal="other"}'),
    100_000 - limits.metricLabelValues + 1,
  )
})

t.test('§10 a label value cannot break out of its quotes', async (t) => {
  const name = 'x"} 1\nforged_metric{a="'
  const checks = { [name]: { status: 'healthy', message: '', since: '', durationMs: 1 } as const }
  const { body } = await createFilledMetrics({ health: () => ({ checks }) }).metrics.render(undefined)
  t.notMatch(body, /^forged_metric/m)
})
