import t from 'tap'
import { parseExact } from '../../../../supervisor/core/json.ts'
import { openJournal } from '../../../../supervisor/queue/journal/open-journal.ts'
import { noFigures } from '../../../../supervisor/queue/journal/store.ts'
import { WorkerRunner } from '../../../../supervisor/queue/journal/worker-runner.ts'
import { memoryDirectory, newEntry, smallBounds, takeAll } from '../../../harness/journal.ts'

const exact = '12345678901234567890.10'

t.test(
  'R8.3 an operation with numbers of any length is looked up, kept and taken in the worker',
  async (t) => {
    const journal = await openJournal({ ...smallBounds, directory: memoryDirectory(t) })
    t.teardown(() => journal.close())
    const entry = newEntry('a', { params: [parseExact(exact)] })
    t.match(await journal.lookUp([entry.operation]), [{ known: undefined, laneQueued: false }])
    t.match(await journal.append([entry]), [{ state: 'stored' }])
    t.match(await journal.lookUp([entry.operation]), [{ known: { state: 'queued' }, laneQueued: true }])
    const [taken] = await journal.take('db', takeAll)
    t.match(JSON.stringify(taken?.operation.work), exact)
  },
)

t.test('R8.3 a call that cannot cross to the worker fails by itself, and the next one works', async (t) => {
  const runner = new WorkerRunner({ ...smallBounds, directory: memoryDirectory(t) }, noFigures)
  t.teardown(() => runner.close())
  const uncloneable = { id: 'a', target: 'db', key: '', extra: parseExact('1e400') }
  await t.rejects(runner.call('lookUp', [uncloneable]), { code: 'internal' })
  t.match(await runner.call('lookUp', [{ id: 'a', target: 'db', key: '' }]), [{ laneQueued: false }])
})

t.test('R8.3 where no thread can be started the call fails, and nothing else does', async (t) => {
  // As a limit of processes does, what cannot be copied to the thread keeps it from being made.
  const store = { ...smallBounds, directory: memoryDirectory(t), uncloneable() {} }
  const runner = new WorkerRunner(store, noFigures)
  t.teardown(() => runner.close())
  await t.rejects(runner.call('lookUp', []), { code: 'internal', message: /its thread cannot be told/ })
  await t.rejects(runner.call('lookUp', []), { code: 'internal' }, 'it is tried again')
})
