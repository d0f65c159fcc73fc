import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { watchMemory } from '../../../supervisor/resources/memory-shortage.ts'
import { createTestClock } from '../../harness/test-clock.ts'

t.test('R6.5 memory is short from 90 % on, until below 85 %, and is looked at once a second', async (t) => {
  const clock = createTestClock()
  let used: number | undefined = 50
  let limit: number | undefined = 100
  let looks = 0
  const told: unknown[] = []
  const log = ({ event }: Record<string, unknown>) => void told.push(event)
  const isShort = watchMemory({
    clock,
    logger: { debug: log, info: log, warn: log, error: log },
    readMemory() {
      looks++
      return { usedBytes: used, limitBytes: limit }
    },
  })
  const at = (percent: number | undefined) => {
    used = percent
    clock.advance(limits.memoryLookMs)
    return isShort()
  }
  t.same([89, 90, 86, 84, 86, 95].map(at), [false, true, true, false, false, true])
  t.same(told, ['memory.short', 'memory.eased', 'memory.short'])
  const before = looks
  for (let ask = 0; ask < 1_000; ask++) isShort()
  t.equal(looks, before)
  limit = undefined
  t.equal(at(95), false, 'without a limit there is no shortage')
  t.equal(at(undefined), false)
})
