import t from 'tap'
import type { DiskLevel } from '../../../supervisor/core/disk.ts'
import { diskOutcome } from '../../../supervisor/health/disk-check.ts'
import type { Space } from '../../../supervisor/resources/disk.ts'
import { DiskGuard, type Shortage } from '../../../supervisor/resources/disk-guard.ts'

const sizeBytes = 1000
const free = (percent: number, inodePercent = 50): Space => ({
  freeBytes: percent * 10,
  sizeBytes,
  freeInodes: inodePercent,
  inodes: 100,
})

function guarded() {
  const shortages: (readonly Shortage[])[] = []
  const critical: boolean[] = []
  const logged: string[] = []
  const keep = ({ event }: { event: string }) => void logged.push(event)
  const now = { spaces: new Map<string, Space>(), thresholds: { lowPercent: 15, criticalPercent: 5 } }
  const guard = new DiskGuard({
    disks: { spaces: async () => now.spaces },
    logger: { debug: keep, info: keep, warn: keep, error: keep },
    thresholds: () => now.thresholds,
    low: (found) => void shortages.push(found),
    critical: (is) => void critical.push(is),
  })
  const look = async (space: Space | undefined): Promise<DiskLevel | undefined> => {
    now.spaces = space ? new Map([['/state', space]]) : new Map()
    return (await guard.look())[0]?.level
  }
  return { guard, now, look, shortages, critical, logged }
}

t.test('R8.4 a level is entered at its threshold and left a little above it', async (t) => {
  const { look, critical, logged } = guarded()
  const course: [number, DiskLevel][] = [
    [15, 'ok'],
    [14.9, 'low'],
    [15.5, 'low'],
    [16, 'ok'],
    [14, 'low'],
    [4.9, 'critical'],
    [5.9, 'critical'],
    [6, 'low'],
    [4, 'critical'],
    [50, 'ok'],
  ]
  for (const [percent, level] of course) t.equal(await look(free(percent)), level, `${percent}%`)
  t.strictSame(critical, [true, false, true, false])
  t.strictSame(logged, [
    ...['disk.low', 'disk.ok', 'disk.low', 'disk.critical', 'disk.low', 'disk.critical', 'disk.ok'],
  ])
})

t.test('R8.4 what is missing is told at each look, in bytes until it is no longer low', async (t) => {
  const { look, shortages } = guarded()
  await look(free(20))
  await look(free(10))
  await look(free(10))
  t.strictSame(shortages, [[{ path: '/state', missingBytes: 60 }], [{ path: '/state', missingBytes: 60 }]])
})

t.test('R8.4 inodes count as space does', async (t) => {
  const { look, guard, shortages } = guarded()
  t.equal(await look(free(50, 3)), 'critical')
  t.strictSame(shortages, [[{ path: '/state', missingBytes: undefined }]])
  t.match(diskOutcome(guard.states), { status: 'unhealthy', message: /^critical: 3% of the inodes is free/ })
  t.equal(await look({ ...free(50), freeInodes: 0, inodes: 0 }), 'ok', 'no fixed number of inodes')
})

t.test('R8.4 a disk that does not answer keeps its level; 0 turns a threshold off', async (t) => {
  const { look, now } = guarded()
  await look(free(3))
  t.equal(await look(undefined), 'critical')
  now.thresholds = { lowPercent: 0, criticalPercent: 0 }
  t.equal(await look(free(0)), 'ok')
})

t.test('R8.4 health: low degrades, critical is unhealthy, and only those are named', async (t) => {
  const state = (path: string, level: DiskLevel, freePercent: number) =>
    ({ path, level, freePercent, freeBytes: freePercent * 1024 ** 3, of: 'space' }) as const
  t.strictSame(diskOutcome([state('/a', 'ok', 50), state('/b', 'ok', 20.9)]), {
    status: 'healthy',
    message: '50% of the space is free under /a (50GiB); 20% of the space is free under /b (21GiB)',
  })
  t.strictSame(diskOutcome([state('/a', 'ok', 50), state('/b', 'low', 4.96)]), {
    status: 'degraded',
    message: 'low: 4.9% of the space is free under /b (5079MiB)',
  })
  t.match(diskOutcome([state('/a', 'low', 9), state('/b', 'critical', 1)]), {
    status: 'unhealthy',
    message: /^low: 9% .*; critical: 1% /,
  })
  t.match(diskOutcome([]), { status: 'healthy', message: 'no file system says how much is free' })
})

t.test('R8.4 a path that is given up while it is asked is not critical for ever', async (t) => {
  const { guard, now, critical } = guarded()
  now.spaces = new Map([
    ['/state', free(50)],
    ['/gone', free(1)],
  ])
  await guard.look()
  const look = guard.look()
  guard.forget(['/state'])
  t.strictSame(
    (await look).map(({ path }) => path),
    ['/state'],
  )
  t.strictSame(critical, [true, false])
})
