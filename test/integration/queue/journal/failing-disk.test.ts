// A disk that fails under a running journal. After a failed sync the kernel takes what it could not write for clean, so
// that the next sync says yes and means nothing (https://wiki.postgresql.org/wiki/Fsync_Errors). What was acknowledged
// has to be on the disk all the same, whenever the power goes afterwards.

import t, { type Test } from 'tap'
import { powerLosses, recorder } from '../../../harness/crash-points.ts'
import { type DiskEvent, hasStrace } from '../../../harness/power-loss.ts'

const skip = hasStrace() ? false : 'strace is missing or may not trace here'
const eventsAfter = 60

/** The writer's syncs around the first time that its log is folded into the database, and what each of them is. */
const syncs = {
  'of a commit': -2,
  'of the log before it is folded in': -1,
  'of the database': 0,
  'of the log that begins anew': 1,
} as const

const { live } = await recorder(t, { entry: 'test/fixtures/queue-failing-writer.ts', args: ['10'] })
const foldedAt = skip ? 0 : firstFold(live())

for (const [what, offset] of Object.entries(syncs)) {
  t.test(`R8.3 a failed sync ${what} loses nothing that was acknowledged`, { skip }, async (t) => {
    const events = await failing(t, failedSync(foldedAt + offset))
    const failed = events.findIndex(({ kind }) => kind === 'sync_failed')
    t.match(events[failed], { path: offset === 0 ? /journal.db$/ : /journal.db-wal$/ })
    const near = events.slice(0, failed + eventsAfter)
    t.match(await powerLosses(t, near, Number.POSITIVE_INFINITY, failed), { lost: 0, damaged: 0 })
    const words = saidIn(events)
    t.match(words.at(-1), /^ack /, 'and the journal works again')
    const refused = words.filter((line) => line.startsWith('refused'))
    t.ok(refused.length <= 3, 'one group at most is refused')
    t.ok(
      refused.every((line) => line.endsWith(' outcome_unknown said')),
      refused.join(),
    )
    if (what === 'of a commit')
      t.equal(refused.length, 3, 'what may not be on the disk is no acknowledgement')
  })
}

t.test('R8.3 a failed sync that passes for a good one is caught', { skip }, async (t) => {
  const swallowed = { 'this.#run("COMMIT");': 'try { this.#run("COMMIT") } catch {}' }
  const events = await failing(t, failedSync(foldedAt - 2), swallowed)
  t.ok((await powerLosses(t, events, 100)).lost > 0)
})

t.test(
  'R8.3 a disk that turns read-only takes nothing new, and is used again when it is mended',
  { skip },
  async (t) => {
    const events = await failing(t, 'pwrite64:error=EROFS:when=150..154')
    t.match(await powerLosses(t, events, 60), { lost: 0, damaged: 0 })
    const words = saidIn(events)
    const refused = words.filter((line) => line.startsWith('refused'))
    const codes = refused.map((line) => line.split(' ').slice(2).join(' '))
    t.same([...new Set(codes)], ['outcome_unknown said', 'state_directory_unavailable said'])
    t.match(words[0], /^ack /)
    t.match(words.at(-1), /^ack /)
  },
)

function failedSync(at: number): string {
  return `fsync:error=EIO:when=${at}`
}

async function failing(t: Test, fault: string, mutations = {}): Promise<DiskEvent[]> {
  const writer = { entry: 'test/fixtures/queue-failing-writer.ts', args: ['10'], mutations }
  return (await recorder(t, writer)).live([fault])
}

/** Which sync it is, counted from 1, that puts what the log held into the database. */
function firstFold(events: readonly DiskEvent[]): number {
  const from = events.findIndex(({ kind }) => kind === 'say')
  const fold = events.findIndex(
    (event, n) => n > from && event.kind === 'sync' && event.path.endsWith('/journal.db'),
  )
  return events.slice(0, fold + 1).filter(({ kind }) => kind === 'sync').length
}

function saidIn(events: readonly DiskEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'say' ? event.text.trim().split('\n') : []))
}
