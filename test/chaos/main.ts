// Long runs against real parts under faults; `npm test` has short forms of them.
//   npm run chaos -- records [--records N] [--supervisors N] [--seed N]

import { parseArgs } from 'node:util'
import { recordsChaos } from './records.ts'

const usage = `npm run chaos -- records [--records N] [--supervisors N] [--seed N]

  records   supervisors are killed, stopped and cut off while they work on records; the database crashes.
            Exits with 0 only if every record has had its effect exactly once.
`

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      records: { type: 'string', default: '100000' },
      supervisors: { type: 'string', default: '8' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help || positionals.join() !== 'records') {
    console.log(usage)
    return values.help ? 0 : 64
  }
  const startedAtMs = performance.now()
  const report = await recordsChaos({
    records: Number(values.records),
    supervisors: Number(values.supervisors),
    seed: Number(values.seed),
    batch: 20,
    faults: 'until_done',
    effectMs: 0,
    faultEveryMs: 2_000,
    patienceMs: 30 * 60_000,
    say: (line) =>
      console.log(`${((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(7)} s  ${line}`),
  })
  console.log(JSON.stringify({ seed: Number(values.seed), ...report }, null, 2))
  const { lost, doubled, phantom, counterOff, left, failed } = report
  const sound = lost + doubled + phantom + Math.abs(counterOff) + left + failed === 0
  console.log(
    sound
      ? 'every record has had its effect exactly once'
      : 'NOT every record has had its effect exactly once',
  )
  return sound ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
