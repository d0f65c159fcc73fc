// `flowkeep performance`: asks the running supervisor what the container uses, what holds it back, and what to change.

import type { PerformanceReport } from '../core/performance.ts'
import type { Look } from '../core/text-table.ts'
import type { AskSupervisor } from './control-client.ts'
import { bodyOf, reportFailure } from './refusal.ts'
import { renderPerformance } from './render-performance.ts'

export interface PerformanceCommandParts {
  readonly ask: AskSupervisor
  readonly json: boolean
  readonly look: Look
  write(text: string): void
  writeError(text: string): void
}

/** @returns the exit code: 0, 1 when something holds the container back, or the one of `supervisor_unreachable` */
export async function runPerformanceCommand(parts: PerformanceCommandParts): Promise<number> {
  try {
    const report = bodyOf<PerformanceReport>(await parts.ask({ path: '/v1/performance' }))
    parts.write(parts.json ? `${JSON.stringify(report)}\n` : renderPerformance(report, parts.look))
    return report.findings.some(({ kind }) => kind === 'bottleneck') ? 1 : 0
  } catch (error) {
    return reportFailure(error, parts.json, parts.writeError)
  }
}
