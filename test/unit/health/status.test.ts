import t from 'tap'
import type { CheckStatus } from '../../../supervisor/core/health.ts'
import { type StateName, stateNames } from '../../../supervisor/core/lifecycle.ts'
import { type FlowView, flowOutcome } from '../../../supervisor/health/flow-check.ts'
import { overallStatus } from '../../../supervisor/health/status.ts'

interface Row {
  readonly name: string
  readonly own?: CheckStatus[]
  readonly dependencies?: CheckStatus[]
  readonly staleDependency?: boolean
  readonly expected: CheckStatus
}

const rows: Row[] = [
  { name: 'nothing to check', expected: 'healthy' },
  { name: 'all is well', own: ['healthy', 'healthy'], dependencies: ['healthy'], expected: 'healthy' },
  { name: 'PostgreSQL is lost', own: ['healthy'], dependencies: ['unhealthy'], expected: 'degraded' },
  { name: 'PostgreSQL and Prefect are lost', dependencies: ['unhealthy', 'unhealthy'], expected: 'degraded' },
  { name: 'a dependency is degraded', dependencies: ['degraded'], expected: 'degraded' },
  { name: 'an own check is degraded', own: ['degraded', 'healthy'], expected: 'degraded' },
  { name: 'an own check is unhealthy', own: ['unhealthy', 'degraded'], expected: 'unhealthy' },
  { name: 'both at once', own: ['unhealthy'], dependencies: ['unhealthy'], expected: 'unhealthy' },
  { name: 'a stale dependency check', own: ['healthy'], staleDependency: true, expected: 'unhealthy' },
]

t.test('§6 the status of the whole, row by row', async (t) => {
  for (const { name, own = [], dependencies = [], staleDependency = false, expected } of rows) {
    const checks = [
      ...own.map((status) => ({ status, dependency: false, stale: false })),
      ...dependencies.map((status) => ({ status, dependency: true, stale: false })),
      ...(staleDependency ? [{ status: 'unhealthy' as const, dependency: true, stale: true }] : []),
    ]
    t.equal(overallStatus('running', checks), expected, name)
    t.equal(overallStatus('running', checks.reverse()), expected, `${name}, in another order`)
  }
})

t.test('§6 no state but running is served, however well the checks are', async (t) => {
  const well = [{ status: 'healthy' as const, dependency: false, stale: false }]
  for (const state of stateNames.filter((state) => state !== 'running')) {
    t.equal(overallStatus(state, well), 'unhealthy', state)
  }
})

t.test('§6 the flow itself, row by row', async (t) => {
  const alive: FlowView = {
    alive: true,
    ready: true,
    generation: 2,
    restarts: 1,
    crashLooping: false,
    stuck: undefined,
    sinceMs: 0,
  }
  const table: [StateName, Partial<FlowView>, CheckStatus, RegExp][] = [
    ['running', {}, 'healthy', /^running \(generation 2, restarts 1\)$/],
    ['running', { alive: false }, 'unhealthy', /^not running/],
    ['running', { crashLooping: true }, 'unhealthy', /^keeps crashing/],
    ['running', { stuck: 'no progress for 5m' }, 'unhealthy', /^no progress for 5m \(generation 2/],
    ['cleaning', { stuck: 'no progress for 5m' }, 'unhealthy', /^no progress/],
    ['draining', { stuck: 'no progress for 5m' }, 'degraded', /^stopping/],
    ['starting', { ready: false }, 'degraded', /not ready/],
    ['draining', {}, 'degraded', /stopping/],
    ['terminating', {}, 'degraded', /stopping/],
    ['backoff', { alive: false }, 'unhealthy', /not running/],
    ['gating', { alive: false, generation: 0 }, 'unhealthy', /not started yet/],
  ]
  for (const [state, view, status, message] of table) {
    t.match(
      flowOutcome(state, { ...alive, ...view }),
      { status, message },
      `${state} ${JSON.stringify(view)}`,
    )
  }
})
