import fc from 'fast-check'
import { validate } from 'node-cron'
import t from 'tap'
import { cronSchedule } from '../../../supervisor/config/formats.ts'

t.test('§5 every schedule that is accepted is one that node-cron runs', async (t) => {
  const word = fc.constantFrom(
    '*',
    '0',
    '1',
    '2',
    '4',
    '7',
    '12',
    '23',
    '30',
    '31',
    '30-31',
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

t.test('R1.1 a day that no month has is refused, and not found out by the job', async (t) => {
  for (const never of ['0 0 31 2 *', '0 0 30,31 2 *', '0 0 31 4-6/2,9,11 *', '0 0 0 30-31 2 1']) {
    t.match(cronSchedule.parse(never), { ok: false }, never)
  }
  for (const rare of ['0 0 29 2 *', '0 0 31 */2 *', '0 0 29-31 2 *', '0 0 */31 2 *']) {
    t.match(cronSchedule.parse(rare), { ok: true }, rare)
  }
})
