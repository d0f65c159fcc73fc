// Why the container ends, and the exit code that says so. Pure.

export const exitReasons = [
  'flow_exited',
  'flow_signaled',
  'flow_oom_killed',
  'crash_loop',
  'not_ready',
  'command_unusable',
  'config_invalid',
  'resource_unavailable',
  'dependency_unavailable',
  'stopped',
  'internal',
] as const

export type ExitReason = (typeof exitReasons)[number]

export const exitCodes = {
  usage: 64,
  dependencyUnavailable: 69,
  internal: 70,
  resourceUnavailable: 73,
  stoppedBeforeFlow: 75,
  configInvalid: 78,
  commandNotExecutable: 126,
  commandNotFound: 127,
} as const

/** How the flow's leader ended: exactly one of the two is set. */
export interface FlowExit {
  readonly code: number | undefined
  /** Name as in `SIGKILL`, or `SIGRTMIN+3`. */
  readonly signal: string | undefined
  /** The same as a shell would say it: the code, or 128 + the signal's number. */
  readonly status: number
  /** The kernel's OOM killer ended it. */
  readonly oomKilled: boolean
}

/** What decided that the container ends. The first one is kept. */
export interface Cause {
  readonly reason: ExitReason
  /** Set where the reason itself does not fix the code (126 or 127 for `command_unusable`). */
  readonly code?: number
  readonly message?: string
}

export function reasonOfFlowExit(exit: FlowExit): ExitReason {
  if (exit.oomKilled) return 'flow_oom_killed'
  return exit.signal === undefined ? 'flow_exited' : 'flow_signaled'
}

/**
 * The supervisor's exit code.
 * @param lastExit how the last flow ended, if one ever ran
 * @param afterReload a reload stopped the last flow, so its code says nothing about the stop that came later
 */
export function exitCodeFor(cause: Cause, lastExit: FlowExit | undefined, afterReload: boolean): number {
  if (cause.code !== undefined) return cause.code
  switch (cause.reason) {
    case 'config_invalid':
      return exitCodes.configInvalid
    case 'resource_unavailable':
      return exitCodes.resourceUnavailable
    case 'dependency_unavailable':
      return exitCodes.dependencyUnavailable
    case 'internal':
      return exitCodes.internal
    case 'command_unusable':
      return exitCodes.commandNotFound
    case 'stopped':
      if (!lastExit) return exitCodes.stoppedBeforeFlow
      return afterReload ? 0 : lastExit.status
    case 'not_ready':
      // A flow that obeyed its TERM with 0 has failed all the same.
      return lastExit?.status || 1
    case 'crash_loop':
    case 'flow_exited':
    case 'flow_signaled':
    case 'flow_oom_killed':
      return lastExit?.status ?? exitCodes.internal
  }
}
