// One run from a stage to its report.

import { type Campaign, runCampaign } from './campaign.ts'
import type { Options } from './options.ts'
import { buildSupervisor, findBug } from './planted-bugs.ts'
import { type Report, reportOf } from './report.ts'
import { createStage } from './stage.ts'

export interface Run {
  readonly report: Report
  /** Where the files lie that were kept. */
  readonly files: string | undefined
}

export async function run(options: Options, say: (line: string) => void, abort: AbortSignal): Promise<Run> {
  const bug = findBug(options.bug)
  const stage = await createStage({ ...options, build: (directory) => buildSupervisor(directory, bug) })
  let isKept = options.keep
  try {
    const scenarios = options.scenarios.length === 0 && bug ? [bug.scenario] : options.scenarios
    const campaign: Campaign = await runCampaign(stage, { ...options, scenarios, abort, say })
    const report = reportOf(campaign, options, stage.absent)
    // A planted bug is found as it should be; any other failure is worth a look.
    if (report.outcome !== 'passed' && bug === undefined) isKept = true
    return { report, files: isKept ? stage.work.path : undefined }
  } finally {
    await stage.close(isKept)
  }
}
