// A short run of `npm run chaos`: each of these faults once.

import type { Test } from 'tap'
import { run } from '../../chaos/operations/run.ts'

/** On a machine that has other things to do. */
export const patienceMs = 280_000

export async function eachOnce(t: Test, seed: number, faults: readonly string[]): Promise<void> {
  const { report, files } = await run(
    {
      ...{ seed, scenarios: faults, cycles: faults.length, minutes: undefined },
      ...{ supervisors: 3, writers: 3, bug: undefined, json: undefined, keep: false },
    },
    (line) => t.comment(line),
    new AbortController().signal,
  )
  t.same([report.outcome, ...report.reasons, ...report.examples, files].filter(Boolean), ['passed'])
  const isLeftOut = (name: string) => name === 'disk_full' && report.absent.length > 0
  t.same(Object.keys(report.faults).sort(), faults.filter((name) => !isLeftOut(name)).sort())
  t.comment(`${report.totals.acknowledged} acknowledged, ${report.totals.effects} effects`)
}
