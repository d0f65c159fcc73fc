import fc from 'fast-check'
import { validate } from 'node-cron'
import t from 'tap'
import { cronSchedule } from '../../../supervisor/config/formats.ts'

t.test('§5 every schedule that is accepted is one that node-cron runs', async (t) => {
  const word = fc.constantFrom(
    '*',
    '0',
    '1',
    '7',
    '12',
    '23',
    '31',
    '59',
    '60',
    '1-5',
    '5-1',
    '*/2',
    '0-9/3',
    '1,2',
  )
  const field = fc.oneof(
    word,
    fc.tuple(word, word).map((two) => two.join(',')),
  )
  let accepted = 0
  fc.assert(
    fc.property(fc.array(field, { minLength: 4, maxLength: 7 }), (fields) => {
      const parsed = cronSchedule.parse(fields.join(' '))
      if (!parsed.ok) return true
      accepted++
      return validate(parsed.value)
    }),
    { numRuns: 20_000 },
  )
  t.ok(accepted > 100, `${accepted} were accepted`)
})
