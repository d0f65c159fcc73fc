// How the flow is started. As PID 1 the kernel ends everything with us; elsewhere a flow could outlive a killed
// supervisor and work on unobserved, so `setpriv` (util-linux) asks the kernel to kill it with us.

import type { Logger } from '../core/logger.ts'
import { resolveCommand } from './command.ts'

/** File and arguments that go before the flow's command; empty as PID 1. */
export function flowLauncher(becomeSubreaper: () => boolean, logger: Logger): readonly string[] {
  if (process.pid === 1) return []
  const adopts = becomeSubreaper()
  const setpriv = find('setpriv')
  logger.warn(
    {
      event: 'supervisor.not_pid_1',
      pid: process.pid,
      subreaper: adopts,
      deathSignal: setpriv !== undefined,
    },
    `not PID 1: ${adopts ? 'orphans are adopted as a subreaper' : 'orphans cannot be adopted'}, ` +
      `${setpriv ? 'the flow is killed if the supervisor dies' : 'and the flow outlives a killed supervisor (no setpriv)'}`,
  )
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--'] : []
}

function find(command: string): string | undefined {
  try {
    return resolveCommand(command, process.env['PATH'])
  } catch {
    return undefined
  }
}
