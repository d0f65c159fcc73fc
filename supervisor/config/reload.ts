// New settings while the flow runs: read again, validated, tried against the dependencies, and only then taken over.
// One reload at a time; a refused one changes nothing.

import { FlowkeepError } from '../core/errors.ts'
import type { Loaded } from './load.ts'
import { describeProblem } from './problem.ts'

type Accepted = Extract<Loaded, { ok: true }>

export interface ReloadParts {
  read(): Loaded
  /**
   * One line for each required dependency of the new settings that refuses them.
   * @param changed paths of the settings that differ
   */
  tryDependencies(next: Accepted, changed: readonly string[], wish: ReloadWish): Promise<readonly string[]>
  /** @param wish why: by itself, because files have changed, or because somebody has asked */
  take(next: Accepted, changed: readonly string[], wish: ReloadWish): void
  current(): Accepted
  /** They were read and cannot be taken; with the files that they came from. */
  refused(refusal: FlowkeepError, files: readonly string[]): void
}

/** A file that was touched need not restart a flow; a person who asks for it wants it. */
export type ReloadWish = 'always' | 'if_changed'

/** Resolves once the new settings are taken; rejects with `config_invalid`, `dependency_unavailable` or `wrong_state`. */
export type Reload = (wish: ReloadWish) => Promise<void>

/** What is claimed once, at the start: an address, a path, a name that others know the container by. */
const fixedNames: ReadonlySet<string> = new Set([
  'CONTAINER_FLOW_NAME',
  'CONTAINER_FLOW_USER',
  'CONTAINER_INSTANCE_ID',
  'CONTAINER_ENVIRONMENT',
  'CONTAINER_HTTP_HOST',
  'CONTAINER_HTTP_PORT',
  'CONTAINER_CONTROL_SOCKET',
  'CONTAINER_STATE_DIRECTORY',
  'CONTAINER_QUEUE_MAX_OPERATIONS',
  'CONTAINER_QUEUE_MAX_BYTES',
  'CONTAINER_QUEUE_MAX_AGE',
  'CONTAINER_RECORDS_DATABASE',
  'CONTAINER_SECURITY_ENFORCE',
  'CONTAINER_SECURITY_ACCEPTED',
  'CONTAINER_SECURITY_ALLOWED_PORTS',
  'CONTAINER_SECURITY_ALLOWED_SETUID',
])

/** Names of the settings that differ but stay as they were until there is a new container. */
export function changedButFixed(next: Accepted, before: Accepted): string[] {
  const values = new Map(before.entries.map(({ name, value }) => [name, value]))
  return next.entries
    .filter(({ name, value }) => fixedNames.has(name) && values.get(name) !== value)
    .map(({ name }) => name)
}

/** Paths of the settings that differ: `databases.rpa_db.url`. */
export function changedPaths(next: Accepted, before: Accepted): string[] {
  const paths = new Set([...before.values.keys(), ...next.values.keys()])
  return [...paths].filter((path) => next.values.get(path) !== before.values.get(path)).sort()
}

export function createReloader(parts: ReloadParts): Reload {
  let busy = false

  async function reload(wish: ReloadWish): Promise<void> {
    const next = parts.read()
    if (!next.ok) {
      const hint = 'run `flowkeep check`, correct the settings and reload again'
      throw refuse('config_invalid', next.problems.map(describeProblem), hint, next.files)
    }
    const changed = changedPaths(next, parts.current())
    if (wish === 'if_changed' && changed.length === 0) return
    const refusals = await parts.tryDependencies(next, changed, wish)
    if (refusals.length > 0) {
      const hint = 'check the new address and credentials; the flow runs on with the old settings'
      throw refuse('dependency_unavailable', refusals, hint, next.files)
    }
    parts.take(next, changed, wish)
  }

  function refuse(
    code: 'config_invalid' | 'dependency_unavailable',
    lines: readonly string[],
    hint: string,
    files: readonly string[],
  ): FlowkeepError {
    const message = lines.join('; ')
    const refusal = new FlowkeepError(code, { operation: 'cannot take the new settings', message, hint })
    parts.refused(refusal, files)
    return refusal
  }

  return async (wish) => {
    if (busy) {
      throw new FlowkeepError('wrong_state', {
        operation: 'cannot reload',
        message: 'a reload is under way',
        hint: 'wait for it to end',
      })
    }
    busy = true
    try {
      await reload(wish)
    } finally {
      busy = false
    }
  }
}
