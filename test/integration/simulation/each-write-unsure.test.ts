import t from 'tap'
import { eachWriteFailing } from './each-failure-fixture.ts'

t.test('R8.3 whichever write to the disk is done and reported as failed, no promise is broken', (t) =>
  eachWriteFailing(t, 'after'),
)
