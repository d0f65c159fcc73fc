import t from 'tap'
import { runCampaign } from '../../simulation/campaign.ts'
import { mutantOptions, mutants } from '../../simulation/mutants.ts'

/** Each planted bug is caught within so many schedules. */
const schedulesMax = 600

for (const { name, about } of mutants) {
  t.test(`R3.1 a planted bug is caught: ${about} (${name})`, async (t) => {
    const options = await mutantOptions(name, 'memory')
    const { failed } = await runCampaign({
      ...options,
      firstSeed: 1,
      schedules: schedulesMax,
      untilFailure: true,
    })
    t.equal(failed.length, 1, `it lives after ${schedulesMax} schedules`)
  })
}

t.test('R3.1 at least 25 bugs are planted, each with a name of its own', async (t) => {
  t.ok(mutants.length >= 25)
  t.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
})
