import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { type Held, StoreFailure } from '../../../supervisor/core/record-store.ts'
import { Returns } from '../../../supervisor/records/returns.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { quiet } from '../http/public-fixture.ts'
import { settleDown } from './desk-fixture.ts'

const how = { begun: false, suspect: false, reason: '' }
const record = (id: string): Held => ({ id, epoch: 1 })
const away = new StoreFailure('unavailable', 'away', false)

/** A database that answers when the test says so. */
function open() {
  const clock = createTestClock()
  const told: string[] = []
  let answer: { resolve(): void; reject(error: Error): void } | undefined
  const returns = new Returns({
    ...{ clock, logger: quiet, returned: () => {} },
    store: {
      giveBack(records) {
        told.push(...records.map(({ id }) => id))
        return new Promise<void>((resolve, reject) => {
          answer = { resolve, reject }
        })
      },
    },
  })
  return { clock, told, returns, end: (error?: Error) => (error ? answer?.reject(error) : answer?.resolve()) }
}

for (const failure of [undefined, away]) {
  const moment = failure ? 'has failed' : 'has ended'
  t.test(`R8.2 what is given back at the moment the one before ${moment} is told, too`, async (t) => {
    for (let turns = 0; turns < 8; turns++) {
      const { clock, told, returns, end } = open()
      returns.give([record('a')], how)
      end(failure)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      returns.give([record('b')], how)
      await settleDown()
      end()
      await settleDown()
      clock.advance(limits.recordsRetryMs)
      await settleDown()
      end()
      await settleDown()
      t.ok(told.includes('b'), `${turns} turns later`)
    }
  })
}
