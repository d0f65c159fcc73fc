// Long runs against real parts; `npm test` has short forms of them. Without a name: the operation queue under faults.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundleSupervisor } from '../../images/bundle.ts'
import { version } from '../../supervisor/core/version.ts'
import { checkout } from '../harness/checkout.ts'
import { backlog } from './backlog.ts'
import { operationsCommand } from './operations/command.ts'
import { plans } from './plans.ts'
import { recordsChaos } from './records.ts'
import { soak } from './soak.ts'

const usage = `npm run chaos -- records [--records N] [--supervisors N] [--seed N]
npm run chaos -- plans [--rows N]
npm run chaos -- backlog [--operations N]
npm run chaos -- soak [--operations N] [--lines N]

  records   supervisors are killed, stopped and cut off while they work on 100,000 records; the database crashes.
            Exits with 0 only if every record has had its effect exactly once.
  plans     the pages that a claim, a completion and a recovery touch, beside a million records of each kind.
  backlog   opens a journal with a million queued operations and looks through all of it. Exits with 0 only if that reads
            and remembers no more than a short one does.
  soak      a million operations and a million lines of log through one supervisor. Exits with 0 only if none is lost or
            doubled and memory at the end is what it was in the middle.
`

async function recordsCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      records: { type: 'string', default: '100000' },
      rows: { type: 'string', default: '1000000' },
      operations: { type: 'string', default: '1000000' },
      lines: { type: 'string', default: '1000000' },
      supervisors: { type: 'string', default: '8' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const startedAtMs = performance.now()
  const say = (line: string) =>
    console.log(`${((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(7)} s  ${line}`)
  if (!values.help && positionals.join() === 'records') {
    return await records(Number(values.records), Number(values.supervisors), Number(values.seed), say)
  }
  if (!values.help && positionals.join() === 'plans') {
    console.log(JSON.stringify(await plans(Number(values.rows), say), null, 2))
    return 0
  }
  if (!values.help && positionals.join() === 'backlog') return backlog(Number(values.operations), say)
  if (!values.help && positionals.join() === 'soak') {
    return await soakCommand(Number(values.operations), Number(values.lines), say)
  }
  console.log(usage)
  return values.help ? 0 : 64
}

async function records(
  count: number,
  supervisors: number,
  seed: number,
  say: (line: string) => void,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'fk-chaos-program-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  const report = await recordsChaos({
    ...{ records: count, supervisors, seed, say },
    program: await bundleSupervisor(checkout, directory, version),
    ...{ batch: 20, faults: 'until_done', workMs: 20, faultEveryMs: 4_000, patienceMs: 30 * 60_000 },
  })
  console.log(JSON.stringify({ seed, ...report }, null, 2))
  const { lost, doubled, phantom, counterOff, left, failed, ended } = report
  const sound = lost + doubled + phantom + Math.abs(counterOff) + left + failed + ended === 0
  console.log(`${sound ? 'every' : 'NOT every'} record has had its effect exactly once`)
  return sound ? 0 : 1
}

async function soakCommand(operations: number, lines: number, say: (line: string) => void): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'fk-soak-program-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  const report = await soak({
    operations,
    lines,
    say,
    program: await bundleSupervisor(checkout, directory, version),
  })
  console.log(JSON.stringify(report, null, 2))
  const { doubled, growth, linesMissing, lost } = report
  const sound = lost + doubled + linesMissing === 0
  console.log(
    `${sound ? 'none' : 'SOME'} lost or doubled; memory ${growth <= soakGrowthMax ? 'stayed flat' : 'GREW'} (× ${growth.toFixed(3)})`,
  )
  return sound && growth <= soakGrowthMax ? 0 : 1
}

/** End ÷ middle: what the collector leaves lying about makes a few hundredths. */
const soakGrowthMax = 1.1

const args = process.argv.slice(2)
const isNamed = args[0] !== undefined && !args[0].startsWith('-')
process.exitCode = isNamed ? await recordsCommand(args) : await operationsCommand(args)
