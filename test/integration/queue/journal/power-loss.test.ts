// The power goes at every moment of a journal's work: what was acknowledged is there, and nothing is called damaged.
// Mutants that acknowledge too early must be caught, or this proves nothing.

import t, { type Test } from 'tap'
import { powerLosses, recorder } from '../../../harness/crash-points.ts'
import { type DiskEvent, hasStrace } from '../../../harness/power-loss.ts'

const skip = hasStrace() ? false : 'strace is missing or may not trace here'
const crashPoints = Number(process.env['FLOWKEEP_CRASH_POINTS'] ?? 1_200)

t.test('R8.3 power loss at every moment: nothing acknowledged is lost', { skip }, async (t) => {
  const verdict = await powerLosses(t, await twoLives(t, {}), crashPoints)
  t.match(verdict, { lost: 0, damaged: 0 })
  t.ok(verdict.acknowledged > 100, `${verdict.acknowledged} acknowledged`)
  t.ok(verdict.points >= crashPoints, `${verdict.points} crash points`)
})

t.test('R8.3 power loss: a journal that does not sync is caught', { skip }, async (t) => {
  const events = await twoLives(t, { 'PRAGMA synchronous = FULL': 'PRAGMA synchronous = OFF' })
  t.ok((await powerLosses(t, events, 150)).lost > 0)
})

t.test('R8.3 power loss: an acknowledgement before its commit is caught', { skip }, async (t) => {
  const events = await twoLives(t, { 'if (ledger.commit())': 'if (Date.now() % 2 && ledger.commit())' })
  t.ok((await powerLosses(t, events, 150)).lost > 0)
})

async function twoLives(t: Test, mutations: Readonly<Record<string, string>>): Promise<DiskEvent[]> {
  const { live } = await recorder(t, {
    entry: 'test/fixtures/queue-writer.ts',
    args: ['in process', '25'],
    mutations,
  })
  return [...live(), ...live()]
}
