// `flowkeep status`: asks the running supervisor over its control socket and shows the answer on one screen.

import type { StatusReport } from '../core/status.ts'
import type { Look } from '../core/text-table.ts'
import type { AskSupervisor } from './control-client.ts'
import { bodyOf, reportFailure } from './refusal.ts'
import { renderStatus } from './render-status.ts'

export interface StatusCommandParts {
  readonly ask: AskSupervisor
  readonly json: boolean
  readonly look: Look
  write(text: string): void
  writeError(text: string): void
}

/** @returns the exit code: 0, or the one of `supervisor_unreachable` */
export async function runStatusCommand(parts: StatusCommandParts): Promise<number> {
  try {
    const status = bodyOf<StatusReport>(await parts.ask({ path: '/v1/status' }))
    parts.write(parts.json ? `${JSON.stringify(status)}\n` : renderStatus(status, parts.look))
    return 0
  } catch (error) {
    return reportFailure(error, parts.json, parts.writeError)
  }
}
