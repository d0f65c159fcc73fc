import t from 'tap'
import { eachWriteFailing } from './each-failure-fixture.ts'

t.test('R8.3 whichever write to the disk fails, no promise is broken', (t) => eachWriteFailing(t, 'before'))
