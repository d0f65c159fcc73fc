// New settings while the container runs: because files have changed, or because somebody asks. Made here, beside
// `main.ts`: reading them, asking the dependencies that they name, and what becomes of a refusal.

import {
  changedButFixed,
  createReloader,
  type Reload,
  type ReloadParts,
  type ReloadWish,
} from './config/reload.ts'
import { watchFiles } from './config/watch.ts'
import type { Clock, Timer } from './core/clock.ts'
import { checkName } from './core/dependency.ts'
import { FlowkeepError } from './core/errors.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import { askOnce, createDependencies } from './dependencies.ts'
import { type Configuration, readConfiguration } from './start-up.ts'

export interface ReloadingHost {
  readonly clock: Clock
  readonly logger: Logger
  current(): Configuration
  /** A flow runs that a reload would stop. */
  flowRuns(): boolean
  /** Throws `wrong_state`. */
  mustFit(): void
  /** @param restart the flow is to be started again with them */
  take(next: Configuration, restart: boolean): void
  /** What health shows of it; undefined takes it back. */
  note(refusal: string | undefined): void
  counted(result: 'applied' | 'refused'): void
}

export class Reloading {
  readonly #host: ReloadingHost
  readonly #reload: Reload
  /** Settles when no reload is under way any more. */
  #underWay: Promise<void> = Promise.resolve()
  #refusal: string | undefined
  /** Of settings that were refused: they may be put right in a file that those in force do not name. */
  #refusedFiles: readonly string[] = []
  #retry: Timer | undefined

  constructor(host: ReloadingHost) {
    this.#host = host
    this.#reload = createReloader({
      read: readConfiguration,
      current: () => host.current(),
      tryDependencies: (next, changed, wish) => this.#tryDependencies(next, changed, wish),
      take: (next, changed, wish) => this.#take(next, changed, wish),
      refused: (refusal, files) => this.#refused(refusal, files),
    })
  }

  watch(): void {
    watchFiles({
      clock: this.#host.clock,
      intervalMs: limits.configWatchMs,
      files: () => [...new Set([...this.#host.current().files, ...this.#refusedFiles])],
      changed: () => this.#filesChanged(limits.reloadRetryMsMin),
    })
  }

  /** @throws FlowkeepError `config_invalid`, `dependency_unavailable`, `wrong_state` */
  async now(wish: ReloadWish): Promise<void> {
    this.#host.mustFit()
    const reload = this.#reload(wish)
    this.#underWay = Promise.allSettled([this.#underWay, reload]).then(() => undefined)
    await reload
    // What was refused before is gone from the files, also when they are as they were.
    this.#refusal = undefined
    this.#refusedFiles = []
    this.#host.note(undefined)
  }

  /**
   * A refusal has been logged, counted and shown. Files that are sound while a dependency does not take them are tried
   * again: a secret may be mounted before the database knows it.
   */
  #filesChanged(retryMs: number): void {
    this.#retry?.cancel()
    // A reload under way has read the files before they changed.
    void this.#underWay
      .then(() => this.now('if_changed'))
      .catch((error: unknown) => {
        if (!(error instanceof FlowkeepError) || error.code !== 'dependency_unavailable') return
        const nextMs = Math.min(retryMs * 2, limits.reloadRetryMsMax)
        this.#retry = this.#host.clock.startTimer(retryMs, () => this.#filesChanged(nextMs))
      })
  }

  /**
   * Those whose settings have changed, and where a flow would be stopped for it every database, because its next start
   * waits for them all. All, when somebody asks.
   */
  async #tryDependencies(...[next, changed, wish]: Parameters<ReloadParts['tryDependencies']>) {
    const stops = this.#host.flowRuns() && next.settings.flow.reload === 'restart'
    const concerned = createDependencies(next.settings).filter(({ kind, name, required }) => {
      const differs = changed.some((path) => path.startsWith(`${kind}s.${name}.`))
      return required && (wish === 'always' || differs || (stops && kind === 'database'))
    })
    const refusals = await askOnce(concerned)
    return refusals.map(({ dependency, reason, message }) => `${checkName(dependency)} ${reason}: ${message}`)
  }

  #take(...[next, changed, wish]: Parameters<ReloadParts['take']>): void {
    const { current, counted, flowRuns, logger, mustFit, take } = this.#host
    // While the dependencies were asked a stop may have begun, which does not change its mind any more.
    mustFit()
    const fixed = changedButFixed(next, current())
    if (fixed.length > 0) {
      const message = `${fixed.join(', ')}: takes effect in a new container only`
      logger.warn({ event: 'config.fixed', variables: fixed }, message)
    }
    const ran = flowRuns()
    const restart = wish === 'always' || next.settings.flow.reload === 'restart'
    take(next, restart)
    counted('applied')
    logger.info(
      {
        event: 'config.reloaded',
        by: wish === 'always' ? 'request' : 'files',
        changed: changed.slice(0, limits.reloadNames),
        flow: ran ? (restart ? 'restarted' : 'kept') : 'not_running',
      },
      `the new settings are taken (${changed.length} changed)`,
    )
  }

  #refused(refusal: FlowkeepError, files: readonly string[]): void {
    const { counted, logger, note } = this.#host
    const { code, hint, message } = refusal
    this.#refusedFiles = files
    note(message)
    if (message === this.#refusal) return
    this.#refusal = message
    counted('refused')
    logger.error({ event: 'config.reload_refused', code, hint }, `${message}; the old settings stay`)
  }
}
