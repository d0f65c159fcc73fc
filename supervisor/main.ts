// The composition root of `flowkeep run`: every part is made here, given what it needs, and tied to the lifecycle.
// Read from `supervise` down: configuration → lifecycle → gate → flow → logs, and beside them health and HTTP.

import { type Alerts, createAlerts } from './alerts.ts'
import type { Settings } from './config/settings.ts'
import { systemClock as clock, sleep } from './core/clock.ts'
import { checkName, type Dependency } from './core/dependency.ts'
import { FlowkeepError, messageOf } from './core/errors.ts'
import { type Cause, type ExitReason, exitCodeFor, exitCodes } from './core/exit.ts'
import { endingStates, type Lifecycle, type StateName } from './core/lifecycle.ts'
import { limits } from './core/limits.ts'
import { createMachine, type Machine, type Transition } from './core/machine.ts'
import type { StatusReport } from './core/status.ts'
import { version } from './core/version.ts'
import { createDependencies } from './dependencies.ts'
import { type WatchedDisks, watchDisks } from './disk.ts'
import { ServiceOrchestrator } from './gate/orchestrator.ts'
import type { HealthCheck } from './health/check.ts'
import { createDependencyCheck } from './health/dependency-check.ts'
import { createMemoryCheck } from './health/memory-check.ts'
import { HealthMonitor } from './health/monitor.ts'
import { createProgramChecks } from './health/programs.ts'
import { createQueueCheck } from './health/queue-check.ts'
import { openControlHttp } from './http/control.ts'
import type { EarlyOpening } from './http/early.ts'
import { portUnavailable } from './http/port-unavailable.ts'
import { openPublicHttp } from './http/public.ts'
import { statusReport } from './http/status-report.ts'
import { type OpenedQueue, openLocalQueue } from './local-queue.ts'
import { createFlowOutput, type FlowOutput } from './logs/flow-output.ts'
import { createMetrics, type Metrics } from './metrics/registry.ts'
import { type OpenedRecords, openRecords } from './own-records.ts'
import type { PerformanceMonitor } from './performance/monitor.ts'
import { createPerformance } from './performance.ts'
import { keepInboxesClean } from './postgres/inbox-retention.ts'
import { type Children, createChildren } from './process/children.ts'
import type { EarlySignals } from './process/early-signals.ts'
import { createFlowControl, type FlowControl } from './process/flow-control.ts'
import { flowLauncher } from './process/launcher.ts'
import { leave } from './process/leave.ts'
import { giveMemoryBack } from './process/memory.ts'
import { loadNative, type Native } from './process/native.ts'
import { createReaper, type Reaper } from './process/reaper.ts'
import { createRestartPolicy, type RestartPolicy } from './process/restart-policy.ts'
import { createStopBudget } from './process/stop-budget.ts'
import { startThreads } from './process/threads.ts'
import { flushMs, timerLengthMs } from './process/timer-lengths.ts'
import { startWatchdog, takeHungNote } from './process/watchdog.ts'
import { Reloading } from './reloading.ts'
import { openCgroup } from './resources/cgroup.ts'
import { watchMemory } from './resources/memory-shortage.ts'
import { createSecurityAtStart, type SecurityAtStart } from './security.ts'
import { type Configuration, type Logs, openLogs, readConfiguration, refuseStart } from './start-up.ts'
import { createStuckFlow, type StuckFlow } from './stuck-flow.ts'

export interface Boot {
  /** The flow's command and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** What answers on the HTTP port since the first moment. */
  readonly listener: EarlyOpening
  /** What has listened to signals since the first moment. */
  readonly signals: EarlySignals
}

const { random } = Math
/** Nothing of the flow lives here any more; from `validating` on, neither does what a supervisor before us had. */
const withoutFlow: ReadonlySet<StateName> = new Set(['gating', 'backoff', 'flushing'])
/** In which a flow is, or is being, started that would have to be stopped for new settings. */
const flowRuns: ReadonlySet<StateName> = new Set(['starting', 'running', 'reloading', 'cleaning'])
const stopSignals: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT'])

export async function supervise(boot: Boot): Promise<void> {
  const native = loadNative()
  const configuration = readConfiguration()
  const logs = openLogs(configuration)
  if (configuration.ok) await new Supervisor(boot, native, logs, configuration).start()
  else await refuseStart(configuration, native, logs)
}

class Supervisor {
  readonly #boot: Boot
  readonly #native: Native
  readonly #logs: Logs
  readonly #startedAtMs = clock.wallMs()
  /** As of the start: what a reload cannot change. */
  readonly #fixed: Settings
  #configuration: Configuration
  #dependencies: readonly Dependency[]

  readonly #cgroup = openCgroup()
  readonly #disks: WatchedDisks
  readonly #metrics: Metrics
  readonly #children: Children
  readonly #reaper: Reaper
  readonly #restarts: RestartPolicy
  readonly #output: FlowOutput
  readonly #flow: FlowControl
  readonly #health: HealthMonitor
  readonly #machine: Machine
  readonly #reloading: Reloading
  readonly #budget = createStopBudget()
  readonly #security: SecurityAtStart
  readonly #stuck: StuckFlow
  readonly #alerts: Alerts
  readonly #performance: PerformanceMonitor

  /** Once the state directory is claimed. */
  #operations: OpenedQueue | undefined
  #records: OpenedRecords | undefined
  #gate: ServiceOrchestrator
  #gateClosing = new AbortController()
  /** Databases gate every start; services only the first one, later ones go on without them. */
  #gateFor: 'all' | 'databases' = 'all'
  #stopSignal: string | undefined
  /** Why the supervisor itself ends the current generation. */
  #failure: 'not_ready' | 'stuck' | undefined
  #changedAtMs = this.#startedAtMs
  #hasBeenRunning = false

  constructor(boot: Boot, native: Native, logs: Logs, configuration: Configuration) {
    this.#boot = boot
    this.#native = native
    this.#logs = logs
    this.#fixed = configuration.settings
    this.#configuration = configuration
    this.#dependencies = createDependencies(configuration.settings)

    this.#metrics = this.#createMetrics()
    this.#disks = watchDisks({
      ...{ clock, ...logs, settings: () => this.#settings, cleaned: this.#metrics.cleanedUp },
      critical: (now) => now && this.#records?.shed(),
    })
    this.#reaper = createReaper({
      peekExited: native.peekExited,
      reap: native.reap,
      later: setImmediate,
      isOwn: (pid) => this.#children.isOwn(pid),
      reaped: this.#metrics.orphansReaped,
    })
    this.#children = createChildren(this.#reaper.wake)
    this.#restarts = createRestartPolicy(configuration.settings.restart, random)
    this.#output = createFlowOutput({ ...logs, clock, counted: this.#metrics.logLines })
    this.#flow = this.#createFlow()
    this.#gate = this.#createGate()
    this.#health = this.#createHealth()
    this.#machine = this.#createMachine()
    this.#reloading = this.#createReloading()
    this.#alerts = this.#createAlerts()
    this.#security = createSecurityAtStart({
      ...logs,
      clock,
      configuration,
      ...boot,
      counted: (failed) => {
        this.#metrics.securityChecked(failed)
        this.#alerts.securityChecked(failed)
      },
    })
    this.#stuck = this.#createStuckFlow()
    this.#performance = this.#createPerformance()
  }

  /** From here on signals count, orphans are reaped, and whatever is thrown ends in an orderly exit. */
  async start(): Promise<void> {
    const fail = (error: unknown) => this.#fail(error)
    process.on('uncaughtException', fail)
    process.on('unhandledRejection', fail)
    const { signals } = this.#boot
    signals.onChild(this.#reaper.wake)
    this.#native.observeChildExits(this.#flow.observe)
    this.#native.listenToRealTimeSignals(signals.deliver)
    signals.receive((signal) => this.#onSignal(signal))
    this.#native.unblockSigusr1()
    this.#reaper.wake()
    startThreads()

    try {
      await this.#claimResources()
      await this.#security.admit()
    } catch (error) {
      this.#refuse(error)
      return
    }
    if (this.#machine.lifecycle.state !== 'validating') return // a stop came first
    this.#disks.reconfigure()
    this.#alerts.start(this.#operations?.directory)
    this.#tellWhetherHung()
    this.#health.start(this.#healthChecks())
    this.#machine.dispatch({ type: 'config_ok' })
    const looked = this.#security.look()
    this.#reloading.watch()
    this.#performance.start()
    clock.startTimer(limits.settleAfterMs, () => {
      this.#startWatchdog()
      void looked.then(() => giveMemoryBack(this.#native))
    })
  }

  #startWatchdog(): void {
    const directory = this.#operations?.directory
    if (directory === undefined) return
    startWatchdog({
      ...{ ...this.#logs, directory },
      flowPid: () => this.#flow.status.pid,
      unsentOperations: () => this.#operations?.queue.stats().operations ?? 0,
      logWaits: () => this.#logs.sink.bufferedBytes > 0,
    })
  }

  #tellWhetherHung(): void {
    const directory = this.#operations?.directory
    const message = directory === undefined ? undefined : takeHungNote(directory)
    if (message === undefined) return
    const fields = { event: 'supervisor.hung_before', code: 'supervisor_hung' }
    this.#logs.logger.error(fields, `the supervisor before this one ended itself: ${message}`)
    this.#alerts.supervisorHung(message)
  }

  get #settings(): Settings {
    return this.#configuration.settings
  }

  get #state(): StateName {
    return this.#machine.lifecycle.state
  }

  // Parts

  #createMetrics(): Metrics {
    return createMetrics({
      version,
      flow: this.#logs.service,
      instance: this.#logs.instance,
      environment: this.#fixed.environment,
      state: () => this.#state,
      health: () => this.#health.report(),
      linesDropped: () => this.#logs.sink.droppedLines,
      resources: this.#cgroup.read,
      disks: () => this.#disks.spaces(),
      queue: () => this.#operations?.queue.stats(),
      records: () => this.#records?.stats(),
      flowIdleMs: () => this.#stuck.watch.idleMs,
      performance: () => this.#performance.now(),
    })
  }

  #createFlow(): FlowControl {
    const { logger } = this.#logs
    const [file, ...args] = this.#boot.command
    const launcher = flowLauncher(this.#native.becomeSubreaper, logger)
    return createFlowControl({
      clock,
      logger,
      children: this.#children,
      restarts: this.#restarts,
      pipe: this.#native.pipe,
      peekStatus: this.#native.peekStatus,
      oomKills: () => this.#cgroup.oomKills() ?? 0,
      outputs: this.#output.open,
      command: () => ({
        file,
        args,
        environment: { ...process.env, FLOWKEEP_SOCKET: this.#fixed.control.socket },
        user: this.#fixed.flow.user,
        launcher,
      }),
      stopping: () => {
        const { signal, graceMs } = this.#settings.stop
        return { signal, termMs: graceMs * limits.killAtShareOfGrace }
      },
      started: () => this.#metrics.flowStarted(clock.wallMs()),
      exited: (reason) => this.#flowExited(reason),
      dispatch: (event) => this.#machine.dispatch(event),
    })
  }

  #createGate(): ServiceOrchestrator {
    const { logger, redact } = this.#logs
    const { backoffMinMs, backoffMaxMs } = this.#settings.gate
    return new ServiceOrchestrator({
      clock,
      random,
      logger,
      redact,
      dependencies: this.#dependencies,
      backoffMinMs,
      backoffMaxMs,
      settled: (dependency, result) => {
        const message = result.ok ? result.message : `${result.reason}: ${result.message}`
        const status = result.ok ? 'healthy' : 'unhealthy'
        this.#health.record(checkName(dependency), { status, message }, 0)
      },
    })
  }

  #createHealth(): HealthMonitor {
    const { logger, redact, service, instance } = this.#logs
    return new HealthMonitor({
      clock,
      random,
      redact,
      logger,
      flowName: service,
      instance,
      version,
      state: () => this.#state,
      flow: () => {
        const { pid, generation, restarts, crashLooping } = this.#flow.status
        const ready = this.#isReady()
        const stuck = this.#stuck.watch.finding
        return {
          alive: pid !== undefined,
          ready,
          generation,
          restarts,
          crashLooping,
          stuck: stuck?.message,
          sinceMs: Math.max(this.#changedAtMs, stuck?.sinceMs ?? 0),
        }
      },
    })
  }

  #createStuckFlow(): StuckFlow {
    return createStuckFlow({
      ...{ ...this.#logs, clock },
      settings: () => this.#settings,
      dependencies: () => this.#dependencies,
      health: () => this.#health.report(),
      lines: () => this.#output.lines,
      held: () => this.#records?.stats().held ?? 0,
      pid: () => this.#flow.status.pid,
      restart: () => this.#machine.dispatch({ type: 'flow_stuck' }),
      counted: (result) => {
        this.#metrics.flowStuck(result)
        this.#alerts.flowStuck(result)
      },
    })
  }

  #createAlerts(): Alerts {
    return createAlerts({
      ...{ ...this.#logs, clock, random, settings: () => this.#settings, counted: this.#metrics.alerted },
      view: () => ({
        checks: this.#health.report().checks,
        crashLooping: this.#flow.status.crashLooping,
        disks: this.#disks.states,
        queue: this.#operations?.queue.stats(),
      }),
      records: () => this.#records?.stats(),
      hasBeenRunning: () => this.#hasBeenRunning,
    })
  }

  #createPerformance(): PerformanceMonitor {
    return createPerformance({
      ...{ clock, cgroup: this.#cgroup },
      settings: () => this.#settings,
      pools: () => this.#operations?.pools,
      queue: () => this.#operations?.queue.stats(),
      recordsHeld: () => this.#records?.stats().held ?? 0,
      flowPid: () => this.#flow.status.pid,
      disks: () => this.#disks.spaces(),
      calls: () => this.#stuck.calls,
      log: () => this.#logFigures(),
    })
  }

  #healthChecks(): HealthCheck[] {
    const { logger } = this.#logs
    const { directory, intervalMs, timeoutMs } = this.#settings.health
    const times = { intervalMs, timeoutMs }
    const programs = createProgramChecks({
      ...times,
      directory,
      clock,
      logger,
      children: this.#children,
      pipe: this.#native.pipe,
      environment: process.env,
      user: this.#fixed.flow.user,
    })
    const readMemory = () => {
      const { memoryBytes, memoryLimitBytes } = this.#cgroup.read()
      return { usedBytes: memoryBytes, limitBytes: memoryLimitBytes }
    }
    const queue = this.#operations?.queue
    const seen = (name: string) => queue?.targetSeen(name)
    return [
      ...this.#dependencies.map((dependency) => createDependencyCheck(dependency, times, seen)),
      createMemoryCheck({ ...times, readMemory }),
      this.#disks.check(times),
      ...(queue
        ? [
            createQueueCheck({
              ...times,
              intervalMs: limits.healthQueueIntervalMs,
              stats: () => queue.stats(),
            }),
          ]
        : []),
      ...programs,
    ]
  }

  #createMachine(): Machine {
    const flow = this.#flow
    const fail = (error: unknown) => this.#fail(error)
    return createMachine({
      clock,
      effects: {
        open_gate: () => void this.#openGate().catch(fail),
        close_gate: () => this.#gateClosing.abort(),
        start_flow: () => {
          // What the generation before had claimed in its last moments.
          this.#records?.flowGone('ended', 'its flow has ended')
          flow.start()
        },
        clean_tree: () => flow.clean(this.#failure),
        abandon_cleaning: flow.abandonCleaning,
        stop_for_reload: flow.stopForReload,
        begin_drain: () =>
          this.#logs.logger.info({ event: 'drain.begun', forMs: this.#settings.stop.drainMs }, 'draining'),
        terminate_tree: () => flow.terminate(this.#stopSignal ?? this.#settings.stop.signal),
        kill_tree: flow.kill,
        flush: () => void this.#flush().catch(fail),
        exit: (lifecycle) => void this.#exit(lifecycle).catch(() => this.#native.exitNow(exitCodes.internal)),
      },
      timerMs: (timer, { state }) =>
        timerLengthMs(timer, state, this.#settings, {
          nowMs: clock.monotonicMs(),
          budget: this.#budget,
          restartDelayMs: flow.status.restartDelayMs,
        }),
      changed: (transition) => this.#changed(transition),
      unexpected: (state, { type }) => {
        this.#metrics.unexpectedEvent()
        this.#logs.logger.error(
          { event: 'lifecycle.unexpected', state, on: type },
          `${type} means nothing in ${state}`,
        )
      },
    })
  }

  #createReloading(): Reloading {
    return new Reloading({
      ...{ clock, logger: this.#logs.logger },
      current: () => this.#configuration,
      flowRuns: () => flowRuns.has(this.#state),
      mustFit: () => {
        this.#must(this.#state !== 'validating', 'cannot reload', 'the container is not up yet')
        this.#must(!endingStates.has(this.#state), 'cannot reload', 'the container is stopping')
      },
      take: (next, restart) => this.#take(next, restart),
      note: (message) => {
        const outcome = message === undefined ? undefined : ({ status: 'degraded', message } as const)
        this.#health.note('configuration', outcome)
      },
      counted: this.#metrics.configReloaded,
    })
  }

  // Start

  async #claimResources(): Promise<void> {
    const { listener } = this.#boot
    const { logger } = this.#logs
    const { host, port } = this.#fixed.http
    // The early listener knows the environment only; a configuration file may have moved it to another address.
    if ('failed' in listener && listener.host === host && listener.port === port) {
      throw portUnavailable(listener.failed, host, port)
    }
    this.#operations = await this.#openQueue()
    this.#records = openRecords({
      ...{ clock, random, logger, instance: this.#logs.instance, operations: this.#operations },
      settings: () => this.#settings,
      state: () => this.#state,
      diskCritical: () => this.#disks.isCritical,
      memoryShort: watchMemory({ clock, logger, readMemory: this.#cgroup.readMemory }),
    })
    await openControlHttp({
      path: this.#fixed.control.socket,
      owner: this.#fixed.flow.user,
      logger,
      status: () => this.#status(),
      performance: () => this.#performance.report(),
      ready: () => this.#readyNow(),
      reload: () => this.#reloadNow(),
      drain: () => this.#drainNow(),
      operations: this.#stuck.watchQueue(this.#operations.queue),
      records: this.#stuck.watchRecords(this.#records),
      wills: this.#operations.wills,
    })
    await openPublicHttp({
      host,
      port,
      listener: 'server' in listener ? listener : undefined,
      logger,
      health: () => this.#health.report(),
      ready: () => this.#isReady(),
      started: () => this.#hasBeenRunning,
      metrics: this.#metrics.render,
    })
  }

  async #openQueue(): Promise<OpenedQueue> {
    const opened = await openLocalQueue({
      ...{ clock, random, logger: this.#logs.logger, settings: this.#fixed },
      tryLock: this.#native.tryLock,
      counted: this.#metrics.operationsCounted,
      others: this.#alerts,
      knock: async (target, signal) =>
        (await this.#dependencies.find(({ name }) => name === target)?.knock(signal)) ?? false,
    })
    const adopt = async () => {
      await opened.adopt()
      clock.startTimer(limits.queueAdoptEveryMs, adopt)
    }
    void adopt()
    keepInboxesClean({
      ...{ clock, random, logger: this.#logs.logger, pools: () => opened.pools },
      queueMaxAgeMs: () => this.#settings.queue.maxAgeMs,
    })
    return opened
  }

  #refuse(error: unknown): void {
    if (!(error instanceof FlowkeepError)) {
      this.#fail(error)
      return
    }
    const { code, subject, hint, message } = error
    const insecure = code === 'security_refused'
    const event = insecure ? 'security.refused' : 'resource.unavailable'
    this.#logs.logger.error({ event, code, subject, hint }, message)
    const reason = insecure ? 'config_invalid' : 'resource_unavailable'
    this.#machine.dispatch({ type: 'config_bad', cause: { reason, message } })
  }

  async #openGate(): Promise<void> {
    this.#gateClosing = new AbortController()
    const { signal } = this.#gateClosing
    const openedAtMs = clock.monotonicMs()
    try {
      await this.#gate.open(signal, this.#gateFor)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    this.#gateFor = 'databases'
    this.#metrics.gateWaited((clock.monotonicMs() - openedAtMs) / 1000)
    this.#machine.dispatch({ type: 'gate_open' })
  }

  #changed({ from, to, event: { type } }: Transition): void {
    const { logger } = this.#logs
    this.#changedAtMs = clock.wallMs()
    if (endingStates.has(to) && !endingStates.has(from)) this.#records?.drain()
    if (withoutFlow.has(to)) void this.#operations?.wills.carryOut().catch((error) => this.#fail(error))
    if (to === 'running') {
      this.#hasBeenRunning = true
      // What failed while nothing ran yet may be well now.
      this.#health.refresh()
    }
    this.#stuck.watch.follow(to === 'running')
    this.#failure = type === 'flow_stuck' ? 'stuck' : undefined
    logger.info({ event: 'state.changed', from, to, on: type }, `${from} → ${to}`)
    if (from === 'starting' && type === 'deadline') {
      this.#failure = 'not_ready'
      logger.error(
        { event: 'flow.not_ready', code: 'flow_not_ready' },
        'the flow did not become ready in time',
      )
    }
  }

  #flowExited(reason: ExitReason): void {
    this.#metrics.flowExited(reason)
    this.#alerts.flowExited(reason)
    const stopped = endingStates.has(this.#state) || this.#state === 'reloading'
    const failed = this.#flow.status.lastExit?.status !== 0 || this.#failure === 'stuck'
    const how = stopped ? 'stopped' : failed ? 'crashed' : 'ended'
    this.#records?.flowGone(how, `its flow has ended (${reason})`)
  }

  #isReady(): boolean {
    return this.#state === 'running'
  }

  // What the outside asks for

  #onSignal(signal: string): void {
    if (stopSignals.has(signal)) this.#stop(signal)
    else if (this.#flow.forward(signal)) this.#metrics.signalForwarded(signal)
  }

  #stop(signal: string): void {
    this.#logs.logger.info({ event: 'stop.requested', signal }, `received ${signal}`)
    if (this.#machine.lifecycle.stops === 0) {
      this.#stopSignal = signal === 'SIGTERM' ? this.#settings.stop.signal : signal
      this.#budget.begin(this.#settings.stop.graceMs, clock.monotonicMs())
    }
    this.#machine.dispatch({ type: 'stop' })
  }

  #drainNow(): StateName {
    this.#must(this.#state !== 'validating', 'cannot drain', 'the container is not up yet')
    this.#must(!endingStates.has(this.#state), 'cannot drain', 'the container is stopping already')
    this.#budget.begin(this.#settings.stop.graceMs, clock.monotonicMs())
    this.#machine.dispatch({ type: 'drain' })
    return this.#state
  }

  #readyNow(): StateName {
    const fits = this.#state === 'starting' || this.#state === 'running'
    this.#must(fits, 'cannot take the flow for ready', 'only a flow that runs can be ready')
    this.#stuck.readied()
    this.#machine.dispatch({ type: 'flow_ready' })
    return this.#state
  }

  async #reloadNow(): Promise<StateName> {
    await this.#reloading.now('always')
    return this.#state
  }

  #must(fits: boolean, operation: string, hint: string): void {
    if (fits) return
    throw new FlowkeepError('wrong_state', { operation, message: `the state is ${this.#state}`, hint })
  }

  #take(next: Configuration, restart: boolean): void {
    this.#logs.reconfigure(next.settings.log.level, [...next.secrets, ...this.#configuration.secrets])
    this.#configuration = next
    this.#dependencies = createDependencies(next.settings)
    this.#gate = this.#createGate()
    void this.#operations?.reconfigure(next.settings).catch((error) => this.#fail(error))
    this.#restarts.reconfigure(next.settings.restart)
    this.#disks.reconfigure()
    this.#alerts.reconfigure()
    this.#health.start(this.#healthChecks())
    this.#performance.start()
    if (restart || !flowRuns.has(this.#state)) this.#machine.dispatch({ type: 'config_changed' })
    else this.#stuck.watch.follow(this.#state === 'running')
  }

  #status(): StatusReport {
    return statusReport({
      health: this.#health.report(),
      environment: this.#fixed.environment,
      startedAtMs: this.#startedAtMs,
      nowMs: clock.wallMs(),
      ready: this.#isReady(),
      flow: this.#flow.status,
      resources: this.#cgroup.read(),
      queue: this.#operations?.queue.stats(),
      records: this.#records?.stats(),
      alerts: this.#alerts.open(),
      log: this.#logFigures(),
    })
  }

  #logFigures() {
    return { lines: this.#output.lines, dropped: this.#logs.sink.droppedLines }
  }

  // The end

  #flushMs(): number {
    return flushMs(this.#settings.stop.graceMs, this.#budget, clock.monotonicMs())
  }

  /** The flow's last words come out, and what it has submitted goes on its way as far as that makes progress. */
  async #flush(): Promise<void> {
    const flushMs = this.#flushMs()
    const untilMs = clock.monotonicMs() + flushMs
    const alerted = this.#tellWhy(this.#machine.lifecycle.cause)
    await this.#operations?.wills.carryOut()
    await Promise.all([
      this.#flow.release(flushMs),
      this.#records?.close(),
      this.#operations?.queue.drain(untilMs),
      alerted,
    ])
    this.#machine.dispatch({ type: 'flushed' })
  }

  async #exit({ cause = { reason: 'internal' } }: Lifecycle): Promise<void> {
    // A stop that cut the flush short leaves the pipes open: nothing may come out of them after the last line.
    await this.#flow.release(0)
    await this.#tellWhy(cause)
    await this.#closeQueue()
    const { lastExit, stoppedByReload } = this.#flow.status
    const message = cause.reason === 'dependency_unavailable' ? this.#whatIsMissing() : cause.message
    const leaving = {
      cause: message === undefined ? cause : { ...cause, message },
      code: exitCodeFor(cause, lastExit, stoppedByReload),
      flushMs: this.#flushMs(),
      lastExit,
      lastLines: this.#output.lastLines().map(this.#logs.redact),
      unsentOperations: this.#operations?.queue.stats().operations ?? 0,
    }
    await leave(leaving, { ...this.#logs, exitNow: this.#native.exitNow })
  }

  /** Alerts go out before the container goes down: from the flush on, and from here where there was none. */
  #tellWhy(cause: Cause = { reason: 'internal' }): Promise<void> {
    return this.#alerts.end(cause, this.#flow.status.lastExit?.status, this.#flushMs())
  }

  /** What is in the journal is on disk already: closing makes the next start quicker, and is not waited for long. */
  async #closeQueue(): Promise<void> {
    const waited = new AbortController()
    const patience = sleep(clock, this.#flushMs(), waited.signal).catch(() => {})
    const closed = this.#operations?.queue
      .close()
      .catch((error) =>
        this.#logs.logger.error({ event: 'queue.close_failed' }, this.#logs.redact(messageOf(error))),
      )
    await Promise.race([closed, patience])
    waited.abort()
  }

  #whatIsMissing(): string {
    const missing = this.#gate.pending()
    const lines = missing.map(({ kind, name, reason, message }) => `${kind}:${name} ${reason}: ${message}`)
    return this.#logs.redact(lines.join('; '))
  }

  /** Our own fault, whatever it was. */
  #fail(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined
    const message = this.#logs.redact(messageOf(error))
    this.#logs.logger.error({ event: 'internal', code: 'internal', stack }, message)
    this.#machine.dispatch({ type: 'internal_error', cause: { reason: 'internal', message } })
  }
}
