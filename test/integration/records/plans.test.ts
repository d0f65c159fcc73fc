// `npm run chaos -- plans` does the same with a million rows of each kind.

import t from 'tap'
import { plans } from '../../chaos/plans.ts'

t.test('R6.4 what is touched does not grow with what waits, is done, is in work or is held up', async (t) => {
  const { claim, complete, recover } = await plans(60_000, (line) => t.comment(line))
  t.comment(JSON.stringify({ claim, complete, recover }))
  // A tree over more rows is a level or two higher.
  const most = claim.few * 1.5
  t.ok(claim.pending <= most, `${claim.pending} pages with many pending, ${claim.few} with few`)
  t.ok(claim.done <= most, `${claim.done} pages with many done`)
  t.ok(claim.scheduled <= most, `${claim.scheduled} pages with many scheduled`)
  t.ok(claim.heldFromPlace <= most, `${claim.heldFromPlace} pages under an old snapshot`)
  t.ok(claim.heldFromBeginning > claim.heldFromPlace * 1.5, 'from the beginning it walks over what is gone')
  t.ok(
    complete.pending <= complete.few * 1.5,
    `${complete.pending} pages to complete, ${complete.few} with few`,
  )
  t.ok(recover <= 100, `${recover} pages to see that nothing is lost`)
})
