import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { LostClaims } from '../../../supervisor/records/lost-claims.ts'
import { createTestClock } from '../../harness/test-clock.ts'

t.test('R3.4 a lost claim is asked for until nobody has any of its records in hand', async (t) => {
  const clock = createTestClock()
  const asked: number[][] = []
  let left = 1
  const claims = new LostClaims(clock, {
    async giveBackClaims(_session, numbers) {
      asked.push([...numbers])
      return { records: 0, left }
    },
  })
  claims.add(claims.next())
  clock.advance(limits.recordsLostClaimMs)
  await claims.giveBack('ours')
  left = 0
  await claims.giveBack('ours')
  await claims.giveBack('ours')
  t.same(asked, [[1], [1]])
})
