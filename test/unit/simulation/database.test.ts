import t from 'tap'
import type { Delivery } from '../../../supervisor/core/target.ts'
import { createDatabase, type DatabaseDefect, type Fate, statements } from '../../simulation/database.ts'
import { createRandom } from '../../simulation/random.ts'
import { createScheduler } from '../../simulation/scheduler.ts'

const well: Fate = { dropBeforeCommit: false, deadlocks: 0 }

function world(defect?: DatabaseDefect) {
  const bitten: string[] = []
  const random = createRandom(7)
  const scheduler = createScheduler(random)
  const database = createDatabase({ scheduler, random, bite: (fault) => bitten.push(fault), defect })
  async function finish<T>(promise: Promise<T>): Promise<T> {
    await scheduler.run(scheduler.nowMs + 60_000, () => false)
    return await promise
  }
  return { bitten, database, finish }
}

function delivery(
  id: string,
  { content = `${id}#1`, sql = statements.write as string, key = 'lane', revision = 1 } = {},
): Delivery {
  const work = { kind: 'sql', statements: [{ sql, params: [content] }] } as const
  const operation = { id, target: 'rpa_db', key, work, expiresAtMs: undefined }
  return { operation, contentHash: content, revision }
}

t.test('R8.3 the simulated database applies an id once, and knows other content', async (t) => {
  const { database, finish } = world()
  t.match(await finish(database.apply([delivery('a'), delivery('a')], well)), [
    { state: 'applied' },
    { state: 'applied', earlier: true },
  ])
  t.match(await finish(database.apply([delivery('a'), delivery('a', { content: 'x' })], well)), [
    { state: 'applied', earlier: true },
    { state: 'conflict' },
  ])
  t.same(
    database.effects.map(({ content }) => content),
    ['a#1'],
  )
  t.equal(database.counter, 1)
})

t.test('R8.3 the simulated database rolls back as a whole', async (t) => {
  const { database, finish } = world()
  const dropped = database.apply([delivery('a'), delivery('b')], { ...well, dropBeforeCommit: true })
  t.equal(await finish(dropped), undefined)
  t.same(database.effects, [])
  t.match(await finish(database.apply([delivery('a')], well)), [{ state: 'applied' }])
})

t.test('R8.3 poison leaves the lane to what follows, a missing permission stops it', async (t) => {
  const { database, finish } = world()
  database.granted = false
  const batch = [
    delivery('poison', { sql: statements.poison }),
    delivery('next'),
    delivery('guarded', { sql: statements.guarded }),
    delivery('behind'),
    delivery('elsewhere', { key: 'other' }),
  ]
  const outcomes = await finish(database.apply(batch, well))
  t.same(
    outcomes?.map(({ state }) => state),
    ['refused', 'applied', 'forbidden', 'skipped', 'applied'],
  )
})

t.test('R8.3 a cancelled revision can never be applied, a later one can', async (t) => {
  const { database, finish } = world()
  await finish(database.apply([delivery('done')], well))
  t.same(await finish(database.cancel([delivery('done'), delivery('a')], well)), ['applied', 'cancelled'])
  t.match(await finish(database.apply([delivery('a')], well)), [{ state: 'cancelled' }])
  t.match(await finish(database.apply([delivery('a', { revision: 2 })], well)), [{ state: 'applied' }])
})

t.test('R8.3 two transactions wait for each other; in opposite order one of them deadlocks', async (t) => {
  const { bitten, database, finish } = world()
  const batches = Array.from({ length: 20 }, (_, round) => [`a${round}`, `b${round}`])
  const running = batches.flatMap(([a = '', b = '']) => [
    database.apply([delivery(a), delivery(b, { key: 'other' })], well),
    database.apply([delivery(b, { key: 'other' }), delivery(a)], well),
  ])
  const outcomes = (await finish(Promise.all(running))).flatMap((each) => each ?? [])
  t.ok(bitten.includes('lock_wait'))
  t.ok(outcomes.some(({ state }) => state === 'failed'))
  t.equal(database.effects.length, new Set(database.effects.map(({ id }) => id)).size)
})
