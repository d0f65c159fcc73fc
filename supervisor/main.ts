// The composition root of `flowkeep run`: every part is made here, given what it needs, and tied to the lifecycle.
// Read from `supervise` down: configuration → lifecycle → gate → flow → logs, and beside them health and HTTP.

import { hostname } from 'node:os'
import { type Loaded, loadConfiguration, readSmallFile } from './config/load.ts'
import { createReloader, type ReloadWish } from './config/reload.ts'
import { watchFiles } from './config/watch.ts'
import { systemClock as clock } from './core/clock.ts'
import { checkName } from './core/dependency.ts'
import { FlowkeepError, messageOf } from './core/errors.ts'
import { type Cause, exitCodeFor, exitCodes } from './core/exit.ts'
import { endingStates, type Lifecycle, type StateName } from './core/lifecycle.ts'
import { limits } from './core/limits.ts'
import { createMachine, type Transition } from './core/machine.ts'
import { version } from './core/version.ts'
import { askOnce, createDependencies } from './dependencies.ts'
import { ServiceOrchestrator } from './gate/orchestrator.ts'
import type { HealthCheck } from './health/check.ts'
import { createDependencyCheck } from './health/dependency-check.ts'
import { createMemoryCheck } from './health/memory-check.ts'
import { HealthMonitor } from './health/monitor.ts'
import { createProgramChecks } from './health/programs.ts'
import { openControlHttp } from './http/control.ts'
import type { EarlyOpening } from './http/early.ts'
import { portUnavailable } from './http/port-unavailable.ts'
import { openPublicHttp } from './http/public.ts'
import { statusReport } from './http/status-report.ts'
import { createFlowOutput } from './logs/flow-output.ts'
import { createOwnLogs, type OwnLogs } from './logs/own-logs.ts'
import { createMetrics } from './metrics/registry.ts'
import { createChildren } from './process/children.ts'
import { onChildSignal, receiveSignals } from './process/early-signals.ts'
import { createFlowControl } from './process/flow-control.ts'
import { flowLauncher } from './process/launcher.ts'
import { leave } from './process/leave.ts'
import { loadNative, type Native } from './process/native.ts'
import { createReaper } from './process/reaper.ts'
import { createRestartPolicy } from './process/restart-policy.ts'
import { ensureStateDirectory } from './process/state-directory.ts'
import { createStopBudget } from './process/stop-budget.ts'
import { flushMs, timerLengthMs } from './process/timer-lengths.ts'
import { openCgroup } from './resources/cgroup.ts'
import { createDisks } from './resources/disk.ts'

export interface Boot {
  /** The flow's command and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** What answers on the HTTP port since the first moment. */
  readonly listener: EarlyOpening
}

type Configuration = Extract<Loaded, { ok: true }>
type Refused = Extract<Loaded, { ok: false }>

const stopSignals: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT'])

export async function supervise(boot: Boot): Promise<void> {
  const native = loadNative()
  const configuration = readConfiguration()
  const logs = openLogs(configuration)
  if (configuration.ok) await compose(boot, native, logs, configuration)
  else await refuseStart(configuration, native, logs)
}

function readConfiguration(): Loaded {
  return loadConfiguration({ environment: process.env, readFile: readSmallFile, hostname: hostname() })
}

function openLogs(configuration: Loaded): OwnLogs {
  const settings = configuration.ok ? configuration.settings : undefined
  return createOwnLogs({
    clock,
    service: settings?.flow.name ?? process.env['CONTAINER_FLOW_NAME'] ?? 'flowkeep',
    instance: settings?.instanceId ?? hostname(),
    level: settings?.log.level ?? 'info',
    secrets: configuration.ok ? configuration.secrets : [],
  })
}

/** Every problem is a line of its own; then the exit with its code. */
async function refuseStart({ problems }: Refused, native: Native, logs: OwnLogs): Promise<void> {
  for (const problem of problems) {
    const { variable, found, expected, hint } = problem
    const message = `${variable}: ${found === undefined ? '' : `found ${found}, `}expected ${expected}`
    logs.logger.error({ event: 'config.invalid', ...problem }, hint ? `${message}: ${hint}` : message)
  }
  const variables = [...new Set(problems.map(({ variable }) => variable))].join(', ')
  const message = `${problems.length} problem${problems.length === 1 ? '' : 's'} in the configuration: ${variables}`
  const cause: Cause = { reason: 'config_invalid', message }
  await leave(
    { cause, code: exitCodes.configInvalid, flushMs: limits.flushMs },
    { ...logs, exitNow: native.exitNow },
  )
}

async function compose(boot: Boot, native: Native, logs: OwnLogs, initial: Configuration): Promise<void> {
  const { sink, logger, redact, service, instance } = logs
  const startedAtMs = clock.wallMs()
  const { random } = Math
  let configuration = initial
  let settings = initial.settings
  let dependencies = createDependencies(settings)

  // Resources and metrics
  const cgroup = openCgroup()
  const disks = createDisks([settings.state.directory, '/tmp'])
  const metrics = createMetrics({
    version,
    flow: service,
    instance,
    environment: settings.environment,
    state: () => machine.lifecycle.state,
    health: () => health.report(),
    linesDropped: () => sink.droppedLines,
    resources: cgroup.read,
    diskFreeBytes: disks.freeBytes,
  })

  // The flow and its processes
  const reaper = createReaper({
    peekExited: native.peekExited,
    reap: native.reap,
    later: setImmediate,
    isOwn: (pid) => children.isOwn(pid),
    reaped: metrics.orphansReaped,
  })
  const children = createChildren(reaper.wake)
  const restarts = createRestartPolicy(settings.restart, random)
  const launcher = flowLauncher(native.becomeSubreaper, logger)
  const output = createFlowOutput({ sink, clock, service, instance, counted: metrics.logLines })
  const flow = createFlowControl({
    clock,
    logger,
    children,
    restarts,
    pipe: native.pipe,
    peekStatus: native.peekStatus,
    oomKills: () => cgroup.oomKills() ?? 0,
    outputs: output.open,
    command: () => ({
      file: boot.command[0],
      args: boot.command.slice(1),
      environment: { ...process.env, FLOWKEEP_SOCKET: settings.control.socket },
      user: settings.flow.user,
      launcher,
    }),
    stopping: () => ({
      signal: settings.stop.signal,
      termMs: settings.stop.graceMs * limits.killAtShareOfGrace,
    }),
    started: () => metrics.flowStarted(clock.wallMs()),
    exited: metrics.flowExited,
    dispatch: (event) => machine.dispatch(event),
  })

  // The gate
  let gate = createGate()
  let gateClosing = new AbortController()
  /** Databases gate every start; services only the first one, later ones go on without them. */
  let gates: 'all' | 'databases' = 'all'
  function createGate(): ServiceOrchestrator {
    const { backoffMinMs, backoffMaxMs } = settings.gate
    return new ServiceOrchestrator({
      clock,
      random,
      logger,
      redact,
      dependencies,
      backoffMinMs,
      backoffMaxMs,
      settled(dependency, result) {
        const message = result.ok ? result.message : `${result.reason}: ${result.message}`
        health.record(checkName(dependency), { status: result.ok ? 'healthy' : 'unhealthy', message }, 0)
      },
    })
  }
  async function openGate(): Promise<void> {
    gateClosing = new AbortController()
    const { signal } = gateClosing
    const openedAtMs = clock.monotonicMs()
    try {
      await gate.open(signal, gates)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    gates = 'databases'
    metrics.gateWaited((clock.monotonicMs() - openedAtMs) / 1000)
    machine.dispatch({ type: 'gate_open' })
  }

  // Health
  let changedAtMs = startedAtMs
  let hasBeenRunning = false
  const health = new HealthMonitor({
    clock,
    random,
    redact,
    logger,
    flowName: service,
    instance,
    version,
    state: () => machine.lifecycle.state,
    flow() {
      const { pid, generation, restarts, crashLooping } = flow.status
      return {
        alive: pid !== undefined,
        ready: isReady(),
        generation,
        restarts,
        crashLooping,
        sinceMs: changedAtMs,
      }
    },
  })
  function isReady(): boolean {
    return machine.lifecycle.state === 'running'
  }
  function healthChecks(): HealthCheck[] {
    const { intervalMs, timeoutMs } = settings.health
    const times = { intervalMs, timeoutMs }
    const user = settings.flow.user
    return [
      ...dependencies.map((dependency) => createDependencyCheck(dependency, times)),
      createMemoryCheck({ ...times, readMemory }),
      ...createProgramChecks({
        ...settings.health,
        clock,
        logger,
        children,
        pipe: native.pipe,
        environment: process.env,
        user,
      }),
    ]
  }
  function readMemory() {
    const { memoryBytes, memoryLimitBytes } = cgroup.read()
    return { usedBytes: memoryBytes, limitBytes: memoryLimitBytes }
  }

  // The lifecycle
  const budget = createStopBudget()
  let stopSignal: string | undefined
  let failure: 'not_ready' | 'stuck' | undefined
  const machine = createMachine({
    clock,
    effects: {
      open_gate: () => void openGate().catch(fail),
      close_gate: () => gateClosing.abort(),
      start_flow: flow.start,
      clean_tree: () => flow.clean(failure),
      abandon_cleaning: flow.abandonCleaning,
      stop_for_reload: flow.stopForReload,
      begin_drain: () => logger.info({ event: 'drain.begun', forMs: settings.stop.drainMs }, 'draining'),
      terminate_tree: () => flow.terminate(stopSignal ?? settings.stop.signal),
      kill_tree: flow.kill,
      flush: () => void flush().catch(fail),
      exit: (lifecycle) => void exit(lifecycle).catch(() => native.exitNow(exitCodes.internal)),
    },
    timerMs: (timer, { state }) =>
      timerLengthMs(timer, state, settings, {
        nowMs: clock.monotonicMs(),
        budget,
        restartDelayMs: flow.status.restartDelayMs,
      }),
    changed,
    unexpected(state, { type }) {
      metrics.unexpectedEvent()
      logger.error({ event: 'lifecycle.unexpected', state, on: type }, `${type} means nothing in ${state}`)
    },
  })
  function changed({ from, to, event: { type } }: Transition): void {
    changedAtMs = clock.wallMs()
    hasBeenRunning ||= to === 'running'
    failure =
      from === 'starting' && type === 'deadline' ? 'not_ready' : type === 'flow_stuck' ? 'stuck' : undefined
    logger.info({ event: 'state.changed', from, to, on: type }, `${from} → ${to}`)
    if (failure === 'not_ready') {
      logger.error(
        { event: 'flow.not_ready', code: 'flow_not_ready' },
        'the flow did not become ready in time',
      )
    }
  }

  // Signals and the end
  function onSignal(signal: string): void {
    if (stopSignals.has(signal)) stop(signal)
    else if (flow.forward(signal)) metrics.signalForwarded(signal)
  }
  function stop(signal: string): void {
    logger.info({ event: 'stop.requested', signal }, `received ${signal}`)
    if (machine.lifecycle.stops === 0) {
      stopSignal = signal === 'SIGTERM' ? settings.stop.signal : signal
      budget.begin(settings.stop.graceMs, clock.monotonicMs())
    }
    machine.dispatch({ type: 'stop' })
  }
  async function flush(): Promise<void> {
    await flow.release(flushMs(settings.stop.graceMs, budget, clock.monotonicMs()))
    machine.dispatch({ type: 'flushed' })
  }
  async function exit({ cause = { reason: 'internal' } }: Lifecycle): Promise<void> {
    const { lastExit, stoppedByReload } = flow.status
    const missing = gate
      .pending()
      .map(({ kind, name, reason, message }) => `${kind}:${name} ${reason}: ${message}`)
    const why = cause.reason === 'dependency_unavailable' ? redact(missing.join('; ')) : cause.message
    const leaving = {
      cause: why === undefined ? cause : { ...cause, message: why },
      code: exitCodeFor(cause, lastExit, stoppedByReload),
      flushMs: flushMs(settings.stop.graceMs, budget, clock.monotonicMs()),
      lastExit,
      lastLines: output.lastLines(),
    }
    await leave(leaving, { sink, logger, exitNow: native.exitNow })
  }
  function fail(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined
    logger.error({ event: 'internal', code: 'internal', stack }, messageOf(error))
    machine.dispatch({
      type: 'internal_error',
      cause: { reason: 'internal', message: redact(messageOf(error)) },
    })
  }

  // What the control socket may ask for
  const reload = createReloader({
    read: readConfiguration,
    async tryDependencies(next) {
      const required = createDependencies(next.settings).filter((dependency) => dependency.required)
      const refusals = await askOnce(required)
      return refusals.map(
        ({ dependency, reason, message }) => `${checkName(dependency)} ${reason}: ${message}`,
      )
    },
    current: () => configuration,
    take(next) {
      logs.reconfigure(next.settings.log.level, [...next.secrets, ...configuration.secrets])
      configuration = next
      settings = next.settings
      dependencies = createDependencies(settings)
      gate = createGate()
      restarts.reconfigure(settings.restart)
      health.start(healthChecks())
      machine.dispatch({ type: 'config_changed' })
    },
    settled(result, reason) {
      metrics.configReloaded(result === 'applied' ? 'applied' : 'refused')
      const note = { status: 'degraded', message: `a reload was refused: ${reason}` } as const
      health.note('configuration', reason === undefined ? undefined : note)
      if (reason === undefined) logger.info({ event: 'config.reloaded' }, 'the new settings are taken')
      else
        logger.error(
          { event: 'config.reload_refused', result, reason },
          'new settings are refused, the old ones stay',
        )
    },
  })
  function must(fits: boolean, operation: string, hint: string): void {
    if (fits) return
    const message = `the state is ${machine.lifecycle.state}`
    throw new FlowkeepError('wrong_state', { operation, message, hint })
  }
  const control = {
    status: () =>
      statusReport({
        health: health.report(),
        environment: settings.environment,
        startedAtMs,
        nowMs: clock.wallMs(),
        ready: isReady(),
        flow: flow.status,
        resources: cgroup.read(),
        log: { lines: output.lines, dropped: sink.droppedLines },
      }),
    ready(): StateName {
      const { state } = machine.lifecycle
      must(
        state === 'starting' || state === 'running',
        'cannot take the flow for ready',
        'only a running flow is ready',
      )
      machine.dispatch({ type: 'flow_ready' })
      return machine.lifecycle.state
    },
    async reload(wish: ReloadWish): Promise<StateName> {
      must(!endingStates.has(machine.lifecycle.state), 'cannot reload', 'the container is stopping')
      await reload(wish)
      return machine.lifecycle.state
    },
    drain(): StateName {
      must(!endingStates.has(machine.lifecycle.state), 'cannot drain', 'the container is stopping already')
      budget.begin(settings.stop.graceMs, clock.monotonicMs())
      machine.dispatch({ type: 'drain' })
      return machine.lifecycle.state
    },
  }

  // From here on signals count, orphans are reaped, and whatever is thrown ends in an orderly exit.
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  onChildSignal(reaper.wake)
  native.observeChildExits(flow.observe)
  native.listenToRealTimeSignals()
  receiveSignals(onSignal)
  native.unblockSigusr1()
  reaper.wake()

  try {
    const { listener } = boot
    if ('failed' in listener) throw portUnavailable(listener.failed, listener.host, listener.port)
    ensureStateDirectory(settings.state.directory)
    await openControlHttp({
      path: settings.control.socket,
      owner: settings.flow.user,
      logger,
      ...control,
      reload: () => control.reload('always'),
    })
    await openPublicHttp({
      ...settings.http,
      listener: 'server' in listener ? listener : undefined,
      logger,
      health: () => health.report(),
      ready: isReady,
      started: () => hasBeenRunning,
      metrics: metrics.render,
    })
  } catch (error) {
    if (!(error instanceof FlowkeepError)) return fail(error)
    const { code, subject, hint, message } = error
    logger.error({ event: 'resource.unavailable', code, subject, hint }, message)
    machine.dispatch({ type: 'config_bad', cause: { reason: 'resource_unavailable', message } })
    return
  }
  if (machine.lifecycle.state !== 'validating') return // a stop came first
  health.start(healthChecks())
  machine.dispatch({ type: 'config_ok' })
  watchFiles({
    clock,
    intervalMs: limits.configWatchMs,
    files: () => configuration.files,
    // A refusal has been logged, counted and shown in the health answer.
    changed: () => void control.reload('if_changed').catch(() => undefined),
  })
}
