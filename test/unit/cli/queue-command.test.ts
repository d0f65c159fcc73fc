import t, { type Test } from 'tap'
import type { OfflineQueue } from '../../../supervisor/cli/queue-access.ts'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import { parseExact } from '../../../supervisor/core/json.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { OperationView } from '../../../supervisor/core/queue.ts'
import {
  createFakeQueue,
  emptyStats,
  type FakeQueueOptions,
  idleTarget,
  refusal,
  view,
} from '../../harness/fake-queue.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { openControl, status } from '../http/control-fixture.ts'
import { runProgram } from './queue-program-fixture.ts'

const dead: OperationView = {
  ...view,
  id: 'order-2',
  key: 'customer 7',
  state: 'dead',
  attempts: 3,
  reason: { code: '23505', message: 'duplicate key' },
  work: parseExact('{"sql":"insert into a values ($1)","params":[12345678901234567890,"\\u202e[2J"]}'),
}
const stats = {
  ...emptyStats,
  operations: 12,
  bytes: 1536,
  oldestAgeMs: 3_725_000,
  adoptedSlots: 1,
  corruptEntries: 2,
  quarantinedFiles: ['a', 'b', 'c', 'd'],
  targets: {
    rpa_db: {
      ...idleTarget,
      queued: 11,
      held: 1,
      dead: 1,
      oldestAgeMs: 3_725_000,
      breaker: 'open' as const,
      reason: 'refused: nobody listens',
    },
  },
}

async function running(t: Test, options: FakeQueueOptions = {}) {
  const queue = createFakeQueue({ held: [view, dead], stats, ...options })
  const { path } = await openControl(t, {
    operations: queue,
    status: () => ({ ...status, queue: queue.stats() }),
  })
  return { queue, run: (...args: string[]) => runProgram(path, ['queue', ...args]), path }
}

t.test('§3 a list is a table, or JSON, and says how to go on', async (t) => {
  const { run, queue } = await running(t, { next: '17' })
  const table = await run('list', '--state', 'dead', '--target', 'rpa_db', '--limit', '5')
  t.equal(table.code, 0)
  t.match(table.out, /^id +target +key +attempts +accepted +reason\n/)
  t.match(table.out, /order-2 +rpa_db +customer 7 +3 +2030-01-01T00:00:00.000Z +23505: duplicate key\n/)
  t.match(table.out, 'more: flowkeep queue list --state dead --target rpa_db --limit 5 --after 17\n')
  t.strictSame(JSON.parse((await run('list', '--json', '--after', '3')).out), {
    operations: [view],
    next: '17',
  })
  t.strictSame(queue.listed, [
    { state: 'dead', target: 'rpa_db', limit: 5 },
    { state: 'queued', after: '3', limit: limits.operationsPerPage },
  ])
  t.match(await run('list', '--state', 'held'), { code: 0, out: 'no held operations\n' })
})

t.test(
  '§3 one operation with what it would do, digit for digit, and nothing draws on the terminal',
  async (t) => {
    const { run } = await running(t)
    const shown = await run('show', 'order-2')
    t.match(shown.out, /^id {8}order-2\ntarget {4}rpa_db\nkey {7}customer 7\nstate {5}dead\n/)
    t.match(shown.out, 'reason    23505: duplicate key\n')
    t.match(shown.out, '12345678901234567890')
    t.notMatch(shown.out, '\u202e')
    t.match((await run('show', 'order-2', '--json')).out, '"params":[12345678901234567890,')
    t.match(await run('show', 'order-9'), { code: 65, out: '', err: /does not hold order-9\n.*queue list/ })
    t.match(JSON.parse((await run('show', 'order-9', '--json')).err), { error: { code: 'not_found' } })
  },
)

t.test('§3 what others wrote is bounded on the screen', async (t) => {
  const long = 'x'.repeat(100_000)
  const { run } = await running(t, {
    held: [{ ...dead, key: `k\u202e\n${long}`, reason: { code: 'x', message: long }, work: long }],
  })
  const listed = await run('list', '--state', 'dead')
  t.ok(listed.out.length < 5_000, `${listed.out.length} characters`)
  t.notMatch(listed.out, '\u202e')
  const shown = await run('show', 'order-2')
  t.match(shown.out, /… \d+ more characters; --json shows all of it\n$/)
})

t.test('§3 retry and discard, several at once, up to the first that cannot be', async (t) => {
  const { run, queue } = await running(t)
  t.match(await run('retry', 'order-1', 'order-2'), { code: 0, out: 'queued order-1\nqueued order-2\n' })
  t.match(await run('discard', 'order-1', '--json'), {
    code: 0,
    out: '{"id":"order-1","state":"discarded"}\n',
  })
  const stopped = await run('discard', 'order-2', 'order-9', 'order-1')
  t.match(stopped, { code: 65, out: 'discarded order-2\n', err: /not_found/ })
  t.match(await run('retry', '../x'), { code: 65, err: /^id: / })
  t.strictSame(queue.mended, ['retry order-1', 'retry order-2', 'discard order-1', 'discard order-2'])
})

t.test('§3 the figures, for whom and why', async (t) => {
  const { run } = await running(t)
  const { out, code } = await run('stats')
  t.equal(code, 0)
  t.equal(
    out,
    `queue  12 of 1000000 operations, 1.5 KiB of 1 GiB, oldest 1h 2m
       drains 1 abandoned slot
       2 lost to corruption so far
       put aside: a, b, c, and 1 more

target  waiting  held  dead  oldest  breaker  why
──────  ───────  ────  ────  ──────  ───────  ───────────────────────
rpa_db  11       1     1     1h 2m   open     refused: nobody listens
`,
  )
  t.strictSame(JSON.parse((await run('stats', '--json')).out), stats)
})

t.test('§3 draining ends when nothing waits, or with 75 when it takes too long', async (t) => {
  const figures = [stats, emptyStats]
  const { path } = await openControl(t, {
    operations: createFakeQueue(),
    status: () => ({ ...status, queue: figures.shift() ?? emptyStats }),
  })
  t.match(await runProgram(path, ['queue', 'drain']), {
    code: 0,
    out: /^queue {2}0 of/,
    err: '12 waiting\n',
  })
  const { run } = await running(t)
  t.match(await run('drain', '--timeout', '1ms'), { code: 75, out: /^queue {2}12 of/ })
})

t.test('§3 where nobody listens the slots are opened, and closed again', async (t) => {
  const nowhere = `${shortDirectory(t)}/control.sock`
  const opened: string[] = []
  const offline = (): OfflineQueue => {
    const queue = createFakeQueue({ held: [view, dead], stats })
    return {
      ...queue,
      held: ['slot-2'],
      stats: async () => queue.stats(),
      retry: async (id) => {
        opened.push(`retry ${id}`)
        if (id === 'order-9') throw refusal('not_found')
      },
      drain: async (_timeoutMs, progress) => {
        progress(stats)
        return emptyStats
      },
      close: async () => void opened.push('closed'),
    }
  }
  const run = (...args: string[]) =>
    runProgram(nowhere, ['queue', ...args], { openOffline: async () => offline() })
  t.match(await run('list'), { code: 0, out: /order-1/, err: /holds it: slot-2\n$/ })
  t.match(await run('show', 'order-2'), { code: 0, out: /dead/ })
  t.match(await run('retry', 'order-2'), { code: 0, out: 'queued order-2\n' })
  t.match(await run('retry', 'order-9'), { code: 65 })
  t.match(await run('drain'), { code: 0, err: /12 waiting\n$/ })
  t.match(await run('stats'), { code: 0 })
  t.strictSame(opened, [
    'closed',
    'closed',
    'retry order-2',
    'closed',
    'retry order-9',
    'closed',
    'closed',
    'closed',
  ])
  const locked = new FlowkeepError('state_directory_unavailable', {
    operation: 'cannot open the queue',
    message: 'a supervisor has it',
    hint: 'Ask it.',
  })
  t.match(await runProgram(nowhere, ['queue', 'list'], { openOffline: () => Promise.reject(locked) }), {
    code: 73,
    err: /a supervisor has it\nAsk it\.\n/,
  })
})

t.test('§3 a supervisor that listens is never gone round', async (t) => {
  const { path } = await openControl(t, {
    operations: { ...createFakeQueue(), list: () => Promise.reject(new Error('broken')) },
  })
  const openOffline = () => Promise.reject(new Error('must not be opened'))
  t.match(await runProgram(path, ['queue', 'list'], { openOffline }), {
    code: 65,
    err: /Flowkeep itself failed/,
  })
  t.match(await runProgram(path, ['queue', 'stats'], { openOffline }), { code: 65, err: /not opened it yet/ })
})

t.test('§3 every command has its help, and a wrong line is exit code 64', async (t) => {
  const nowhere = `${shortDirectory(t)}/control.sock`
  for (const name of ['list', 'show', 'retry', 'discard', 'drain', 'stats']) {
    t.match(await runProgram(nowhere, ['queue', name, '--help']), {
      code: 0,
      out: new RegExp(`queue ${name}[\\s\\S]*--json`),
    })
  }
  for (const args of [
    ['queue', 'list', '--state', 'done'],
    ['queue', 'list', '--limit', '0'],
    ['queue', 'list', '--limit', '1001'],
    ['queue', 'show'],
    ['queue', 'drain', '--timeout', '5'],
    ['queue', 'drain', '--timeout', '2d'],
    ['queue', 'nothing'],
  ]) {
    const ran = await runProgram(nowhere, args)
    t.match(ran, { code: 64, out: '' }, args.join(' '))
    t.match(ran.err, /\w/, args.join(' '))
  }
})
