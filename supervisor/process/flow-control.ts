// What the lifecycle's effects do to the flow, generation after generation, and the events that come of it.
// At most one generation exists: the next one starts only after the tree of the one before is gone.

import { FlowkeepError, messageOf } from '../core/errors.ts'
import { type ExitReason, exitCodes, type FlowExit, reasonOfFlowExit } from '../core/exit.ts'
import { type LifecycleEvent, unkillable } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { type Flow, type FlowCommand, type FlowParts, startFlow } from './flow.ts'
import type { FlowEnd, RestartPolicy } from './restart-policy.ts'

export interface FlowControlParts
  extends Pick<FlowParts, 'clock' | 'children' | 'pipe' | 'peekStatus' | 'oomKills'> {
  readonly logger: Logger
  readonly restarts: RestartPolicy
  /** Fresh pumps for a generation's output. */
  outputs(): Pick<FlowParts, 'stdout' | 'stderr'>
  command(): FlowCommand
  /** The signal that asks the flow to stop, and how long it has until SIGKILL when no stop budget runs, in ms. */
  stopping(): { readonly signal: string; readonly termMs: number }
  dispatch(event: LifecycleEvent): void
  started(): void
  exited(reason: ExitReason): void
}

export interface FlowControl {
  start(): void
  /** Ends what the leader left behind, then asks the restart policy. */
  clean(failure: FlowEnd['failure']): void
  abandonCleaning(): void
  stopForReload(): void
  terminate(signal: string): void
  kill(): void
  /** Nothing is waited for any more; the output is read to its end, within the time. */
  release(timeoutMs: number): Promise<void>
  forward(signal: string): boolean
  observe(): void
  readonly status: FlowStatus
}

export interface FlowStatus {
  readonly pid: number | undefined
  /** Number of the current or last generation, from 1; 0 before the first. */
  readonly generation: number
  /** Starts that followed a failure, over the container's life. */
  readonly restarts: number
  /** One more failure ends the container. */
  readonly crashLooping: boolean
  /** Wall clock. */
  readonly startedAtMs: number | undefined
  readonly lastExit: FlowExit | undefined
  /** Wall clock. */
  readonly lastExitAtMs: number | undefined
  /** A reload stopped the last generation. */
  readonly stoppedByReload: boolean
  /** Until the next start, in ms: what the restart policy decided last. */
  readonly restartDelayMs: number
}

export function createFlowControl(parts: FlowControlParts): FlowControl {
  const { clock, logger, dispatch } = parts
  let flow: Flow | undefined
  let generation = 0
  let restarts = 0
  let startedAtMs: number | undefined
  let lastExitAtMs: number | undefined
  let lastExit: FlowExit | undefined
  let stoppedByReload = false
  /** A reload is ending the flow, and no stop has come since. */
  let stoppingForReload = false
  let restartDelayMs = 0
  let ending = new AbortController()

  function start(): void {
    generation++
    stoppedByReload = false
    stoppingForReload = false
    const command = parts.command()
    try {
      flow = startFlow(command, {
        clock,
        children: parts.children,
        pipe: parts.pipe,
        peekStatus: parts.peekStatus,
        oomKills: parts.oomKills,
        ...parts.outputs(),
        exited,
        refused: spawnFailed,
      })
    } catch (error) {
      spawnFailed(error)
      return
    }
    if (!flow) return
    startedAtMs = clock.wallMs()
    parts.started()
    logger.info(
      { event: 'flow.started', pid: flow.pid, generation, command: command.file },
      `the flow has started (generation ${generation})`,
    )
  }

  function spawnFailed(error: unknown): void {
    const known = error instanceof FlowkeepError
    logger.error(
      { event: 'flow.unusable', ...(known ? { code: error.code, hint: error.hint } : {}) },
      messageOf(error),
    )
    const code =
      known && error.code === 'command_not_found' ? exitCodes.commandNotFound : exitCodes.commandNotExecutable
    dispatch({ type: 'spawn_failed', cause: { reason: 'command_unusable', code, message: messageOf(error) } })
  }

  function exited(exit: FlowExit): void {
    lastExit = exit
    lastExitAtMs = clock.wallMs()
    const reason = reasonOfFlowExit(exit)
    parts.exited(reason)
    const how = exit.signal ? `was ended by ${exit.signal}` : `has exited with ${exit.code}`
    const level = exit.status === 0 ? 'info' : 'warn'
    logger[level](
      { event: 'flow.exited', reason, code: exit.code ?? null, signal: exit.signal ?? null, generation },
      `the flow ${how}${exit.oomKilled ? ' (out of memory)' : ''}`,
    )
    dispatch({ type: 'flow_gone' })
  }

  /** Only one way of ending the tree is under way at a time; a new one takes over from the one before. */
  function takeOver(): AbortSignal {
    ending.abort()
    ending = new AbortController()
    return ending.signal
  }

  async function endWithin(signal: string, timeoutMs: number, abort: AbortSignal): Promise<boolean> {
    if (!flow) return true
    const late = new AbortController()
    const timer = clock.startTimer(timeoutMs, () => late.abort())
    try {
      await flow.end(signal, AbortSignal.any([abort, late.signal]))
      return true
    } catch (error) {
      if (late.signal.aborted && !abort.aborted) return false
      throw error
    } finally {
      timer.cancel()
    }
  }

  /** Runs an ending; being taken over is no failure of it. */
  function undertake(work: (abort: AbortSignal) => Promise<void>): void {
    const abort = takeOver()
    work(abort).catch((error: unknown) => {
      if (abort.aborted) return
      dispatch({ type: 'internal_error', cause: { reason: 'internal', message: messageOf(error) } })
    })
  }

  async function cleanTree(failure: FlowEnd['failure'], abort: AbortSignal): Promise<void> {
    const { signal, termMs } = parts.stopping()
    const uptimeMs = flow ? clock.monotonicMs() - flow.startedAtMs : 0
    if (
      !(await endWithin(signal, termMs, abort)) &&
      !(await endWithin('SIGKILL', limits.killWaitMs, abort))
    ) {
      dispatch({ type: 'internal_error', cause: unkillable })
      return
    }
    if (!lastExit) throw new Error('the flow is gone but its exit was never seen')
    const decision = parts.restarts.decide(
      { exit: lastExit, uptimeMs, ...(failure ? { failure } : {}) },
      clock.monotonicMs(),
    )
    if (!decision.retry) {
      dispatch({ type: 'final', cause: decision.cause })
      return
    }
    restarts++
    restartDelayMs = decision.delayMs
    logger.warn(
      { event: 'flow.restarting', delayMs: restartDelayMs, generation },
      `the flow will be restarted in ${restartDelayMs} ms`,
    )
    dispatch({ type: 'retry' })
  }

  async function stopForReload(abort: AbortSignal): Promise<void> {
    const endedByItself = flow?.hasEnded() ?? false
    const startedAtMs = flow?.startedAtMs ?? clock.monotonicMs()
    await flow?.end(parts.stopping().signal, abort)
    if (endedByItself && lastExit) {
      const nowMs = clock.monotonicMs()
      const decision = parts.restarts.decide({ exit: lastExit, uptimeMs: nowMs - startedAtMs }, nowMs)
      if (!decision.retry) {
        dispatch({ type: 'flow_done', cause: decision.cause })
        return
      }
    }
    stoppedByReload = true
    dispatch({ type: 'tree_gone' })
  }

  return {
    start,
    clean: (failure) => undertake((abort) => cleanTree(failure, abort)),
    abandonCleaning: () => ending.abort(),
    stopForReload() {
      stoppingForReload = true
      undertake(stopForReload)
    },
    terminate(signal) {
      stoppingForReload = false
      undertake(async (abort) => {
        await flow?.end(signal, abort)
        dispatch({ type: 'tree_gone' })
      })
    },
    kill: () =>
      undertake(async (abort) => {
        const gone = await endWithin('SIGKILL', limits.killWaitMs, abort)
        stoppedByReload = stoppingForReload
        dispatch(gone ? { type: 'tree_gone' } : { type: 'internal_error', cause: unkillable })
      }),
    async release(timeoutMs) {
      ending.abort()
      await flow?.closeOutput(timeoutMs)
    },
    forward: (signal) => flow?.forward(signal) ?? false,
    observe: () => flow?.observe(),
    get status() {
      return {
        pid: flow && !flow.exit ? flow.pid : undefined,
        generation,
        restarts,
        crashLooping: parts.restarts.exhausted(clock.monotonicMs()),
        startedAtMs,
        lastExit,
        lastExitAtMs,
        stoppedByReload,
        restartDelayMs,
      }
    },
  }
}
