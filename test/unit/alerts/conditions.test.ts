import t from 'tap'
import { conditionsOf } from '../../../supervisor/alerts/conditions.ts'
import type { CheckReport, CheckStatus } from '../../../supervisor/core/health.ts'
import { emptyStats, idleTarget } from '../../harness/fake-queue.ts'

const check = (status: CheckStatus, message = 'why'): CheckReport => ({
  status,
  message,
  since: '',
  durationMs: 1,
})
const well = { checks: { flow: check('healthy') }, crashLooping: false, disks: [], queue: emptyStats }
const namesOf = (view: Partial<typeof well> | object) =>
  conditionsOf({ ...well, ...view }).map(({ name, subject }) => [name, ...(subject ?? [])].join(' '))

t.test('R8.5 what is alerted, row by row', async (t) => {
  const disk = (level: 'ok' | 'low' | 'critical') =>
    ({ path: '/s', level, freePercent: 4.29, freeBytes: 1, of: 'space' }) as const
  const rows: [string, object, string[]][] = [
    ['all is well', {}, []],
    ['nothing is open yet', { queue: undefined }, []],
    ['a crash loop', { crashLooping: true }, ['FlowkeepCrashLooping']],
    ['a disk with room', { disks: [disk('ok')] }, []],
    ['a low disk', { disks: [disk('low')] }, ['FlowkeepDiskLow path /s']],
    ['a critical disk', { disks: [disk('critical')] }, ['FlowkeepDiskCritical path /s']],
    ['a full queue', { queue: { ...emptyStats, full: 'bytes' } }, ['FlowkeepQueueFull']],
    ['corruption', { queue: { ...emptyStats, corruptEntries: 1 } }, ['FlowkeepQueueDamaged']],
    ['files put aside', { queue: { ...emptyStats, quarantinedFiles: ['x'] } }, ['FlowkeepQueueDamaged']],
    [
      'dead letters and held operations, by target',
      { queue: { ...emptyStats, targets: { a: { ...idleTarget, dead: 1 }, b: { ...idleTarget, held: 2 } } } },
      ['FlowkeepDeadLetters target a', 'FlowkeepOperationsHeld target b'],
    ],
    ['an open breaker alone', { queue: { ...emptyStats, targets: { a: { ...idleTarget, queued: 9 } } } }, []],
    [
      'a database away',
      { checks: { 'database:a': check('unhealthy') } },
      ['FlowkeepDependencyDown dependency database:a'],
    ],
    ['a program that fails', { checks: { input: check('unhealthy') } }, ['FlowkeepCheckFailing check input']],
    ['a program that degrades', { checks: { input: check('degraded') } }, []],
    [
      'what is told in another way',
      { checks: { flow: check('unhealthy'), queue: check('unhealthy'), disk: check('unhealthy') } },
      [],
    ],
    ['settings refused', { checks: { configuration: check('degraded') } }, ['FlowkeepConfigurationRefused']],
  ]
  for (const [what, view, names] of rows) t.strictSame(namesOf(view), names, what)
  t.match(conditionsOf({ ...well, disks: [disk('low')] }), [
    { description: '4.2% of the space is free under /s' },
  ])
})
