import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { openDesk, settleDown } from './desk-fixture.ts'

const claimsOf = (calls: readonly string[]) =>
  calls.filter((call) => call.startsWith('claim')).map((call) => Number(call.slice(6)))

t.test(
  'R6.2 a flow that is quick has more claimed ahead, up to a bound, and a slow one has none',
  async (t) => {
    const { clock, store, desk, claim } = openDesk()
    store.add('q', 2_000)
    for (let taken = 0; taken < 1_000; taken++) {
      const [record] = await claim(1)
      await desk.settle('complete', record?.id ?? '', { epoch: record?.epoch })
      await settleDown()
    }
    const claims = claimsOf(store.calls)
    t.ok(claims.length < 60, `${claims.length} claims for 1000 records`)
    t.ok(Math.max(...claims) <= limits.recordsAhead + 1)
    t.ok(desk.stats().ahead > 0)
    t.ok(desk.stats().ahead <= limits.recordsAhead)

    for (let taken = 0; taken < 20; taken++) {
      const [record] = await claim(1)
      clock.advance(700)
      await desk.settle('complete', record?.id ?? '', { epoch: record?.epoch })
      await settleDown()
    }
    clock.advance(limits.recordsAheadMs)
    await settleDown()
    t.equal(desk.stats().ahead, 0)
    t.equal(
      store.records.filter(({ status }) => status === 'running').length,
      0,
      'what nobody took went back',
    )
    t.ok(store.records.every(({ status, attempts }) => status !== 'pending' || attempts === 0))
  },
)

t.test('R6.5 under pressure nothing is claimed ahead', async (t) => {
  for (const press of ['queue', 'pool', 'memory'] as const) {
    const { store, desk, claim, now } = openDesk()
    store.add('q', 100)
    if (press === 'queue') now.queueFull = true
    else if (press === 'memory') now.memoryShort = true
    else store.waiting = 1
    for (let taken = 0; taken < 20; taken++) await claim(1)
    t.equal(desk.stats().ahead, 0, press)
    t.ok(
      claimsOf(store.calls).every((limit) => limit === 1),
      press,
    )
  }
})

t.test('R6.5 with little memory left records are handed out one at a time, and never none', async (t) => {
  const { store, claim, now } = openDesk()
  store.add('q', 100)
  t.equal((await claim(50)).length, 50)
  now.memoryShort = true
  t.equal((await claim(50)).length, 1)
  now.memoryShort = false
  t.equal((await claim(40)).length, 40)
})

t.test('R6.5 a flow holds no more than a bound; who asks for more waits until it settles some', async (t) => {
  const { clock, store, desk, claim } = openDesk()
  store.add('q', limits.recordsHeld + 10)
  for (let held = 0; held < limits.recordsHeld; held += limits.recordsBatch) await claim(limits.recordsBatch)
  t.equal(desk.stats().held, limits.recordsHeld)
  const more = claim(1, 5_000)
  await settleDown()
  await desk.settle('complete', '1', { epoch: 1 })
  await settleDown()
  t.equal((await more).length, 1)
  const none = claim(1, 100)
  await settleDown()
  for (let turn = 0; turn < 20; turn++) {
    clock.advance(10)
    await settleDown()
  }
  t.same(await none, [])
})

t.test(
  'R6.4 one claim is under way for everyone who waits, and each has no more than asked for',
  async (t) => {
    const { store, claim } = openDesk()
    store.add('q', 10)
    const arrival = Promise.withResolvers<void>()
    let underWay = 0
    store.beforeClaim = async () => {
      t.equal(++underWay, 1)
      await arrival.promise
      underWay--
    }
    const first = claim(2)
    const others = [claim(3), claim(4)]
    await settleDown()
    arrival.resolve()
    t.same(
      (await Promise.all([first, ...others])).map(({ length }) => length),
      [2, 3, 4],
    )
    t.equal(claimsOf(store.calls)[0], 2)
  },
)

t.test('R2.5 who waits is served as soon as there is something, else told when the time is up', async (t) => {
  const { clock, store, desk, claim } = openDesk()
  const waiting = claim(1, 2_000)
  await settleDown()
  clock.advance(300)
  await settleDown()
  store.add('q', 1)
  for (let turn = 0; turn < 60; turn++) {
    clock.advance(10)
    await settleDown()
  }
  t.equal((await waiting).length, 1)
  const asked = store.calls.length
  const local = claim(1, 20_000)
  await settleDown()
  await desk.enqueue({ queue: 'q', records: [{ payload: 1 }] })
  t.equal((await local).length, 1, 'what is enqueued here is handed out at once')
  t.ok(store.calls.length - asked <= 4)
  let answered = false
  const none = claim(1, 1_000).then((records) => {
    answered = true
    return records
  })
  for (let turn = 0; turn < 99; turn++) {
    clock.advance(10)
    await settleDown()
  }
  t.notOk(answered)
  clock.advance(10)
  await settleDown()
  t.same(await none, [])
  const polls = claimsOf(store.calls).length
  t.ok(polls < 30, `${polls} claims`)
})

t.test(
  'R6.3 an urgent record that arrives before the place of the last claim waits a second at most',
  async (t) => {
    const { clock, store, claim } = openDesk()
    store.add('q', 1_000)
    await claim(10)
    store.add('q', 1, { priority: -5 })
    const [next] = await claim(1)
    t.not(next?.id, '1001', 'it goes on where it stopped')
    clock.advance(limits.recordsLookMs)
    await settleDown()
    const seen = [...(await claim(50)), ...(await claim(50))].map(({ id }) => id)
    t.ok(seen.includes('1001'))
  },
)

t.test('R3.1 after a pause longer than the lease nothing that was claimed ahead is handed out', async (t) => {
  const { clock, store, desk, claim } = openDesk()
  store.add('q', 100)
  for (let taken = 0; taken < 9; taken++) {
    await claim(1)
    await settleDown()
  }
  t.ok(desk.stats().ahead > 0)
  const stale = store.records.filter(({ status }) => status === 'running').map(({ id }) => id)
  // As if the process had been stopped: no timer has fired when the next claim comes.
  const { monotonicMs } = clock
  Object.assign(clock, { monotonicMs: () => monotonicMs() + 60_000 })
  for (const record of store.records) if (stale.includes(record.id)) record.epoch++
  const [record] = await claim(1)
  t.notOk(record && stale.includes(record.id))
})
