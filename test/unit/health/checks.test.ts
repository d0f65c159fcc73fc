import t from 'tap'
import type { Dependency } from '../../../supervisor/core/dependency.ts'
import { createDependencyCheck } from '../../../supervisor/health/dependency-check.ts'
import { createMemoryCheck } from '../../../supervisor/health/memory-check.ts'

const times = { intervalMs: 10_000, timeoutMs: 5_000 }
const { signal } = new AbortController()

t.test('R2.4 a dependency check says why', async (t) => {
  const answers: Awaited<ReturnType<Dependency['check']>>[] = [
    { ok: true, message: 'select 1 answered' },
    { ok: false, reason: 'authentication', message: 'password refused' },
  ]
  const check = createDependencyCheck(
    {
      name: 'rpa_db',
      kind: 'database',
      required: true,
      check: async () => answers.shift() as (typeof answers)[0],
      knock: async () => true,
    },
    times,
  )
  t.match(check, { name: 'database:rpa_db', dependency: true, ...times })
  t.strictSame(await check.run(signal), { status: 'healthy', message: 'select 1 answered' })
  t.strictSame(await check.run(signal), { status: 'unhealthy', message: 'authentication: password refused' })
})

t.test('R6.1 memory near the limit degrades, and without a limit never does', async (t) => {
  const table = [
    [50, 100, 'healthy', '50MiB of 100MiB used'],
    [94, 100, 'healthy', '94MiB of 100MiB used'],
    [95, 100, 'degraded', '95MiB of 100MiB used'],
    [1024, undefined, 'healthy', '1GiB used, no limit'],
    [undefined, undefined, 'healthy', 'the kernel does not say'],
  ] as const
  for (const [used, limit, status, message] of table) {
    const check = createMemoryCheck({
      ...times,
      readMemory: () => ({
        usedBytes: used && used * 1024 ** 2,
        limitBytes: limit && limit * 1024 ** 2,
      }),
    })
    t.strictSame(await check.run(signal), { status, message })
  }
})
