// What `flowkeep run` begins with: the configuration, the log, and the refusal of a configuration with problems.

import { hostname } from 'node:os'
import { type Loaded, loadConfiguration, readSmallFile } from './config/load.ts'
import { describeProblem } from './config/problem.ts'
import { systemClock as clock } from './core/clock.ts'
import { type Cause, exitCodes } from './core/exit.ts'
import { limits } from './core/limits.ts'
import { type EndableLogger, endable } from './core/logger.ts'
import { createOwnLogs, type OwnLogs } from './logs/own-logs.ts'
import { leave } from './process/leave.ts'
import type { Native } from './process/native.ts'

export type Configuration = Extract<Loaded, { ok: true }>
type Refused = Extract<Loaded, { ok: false }>

export function readConfiguration(): Loaded {
  return loadConfiguration({
    environment: process.env,
    readFile: readSmallFile,
    hostname: hostname(),
    uid: process.getuid?.(),
  })
}

export type Logs = OwnLogs & { readonly logger: EndableLogger }

export function openLogs(configuration: Loaded): Logs {
  const settings = configuration.ok ? configuration.settings : undefined
  const logs = createOwnLogs({
    clock,
    service: settings?.flow.name ?? process.env['CONTAINER_FLOW_NAME'] ?? 'flowkeep',
    instance: settings?.instanceId ?? hostname(),
    level: settings?.log.level ?? 'info',
    secrets: configuration.ok ? configuration.secrets : [],
  })
  return { ...logs, logger: endable(logs.logger) }
}

/** Every problem is a line of its own; then the exit with its code. */
export async function refuseStart({ problems }: Refused, native: Native, logs: Logs): Promise<void> {
  for (const problem of problems) {
    logs.logger.error(
      { event: 'config.invalid', code: 'config_invalid', ...problem },
      describeProblem(problem),
    )
  }
  const variables = [...new Set(problems.map(({ variable }) => variable))].join(', ')
  const message = `${problems.length} problem${problems.length === 1 ? '' : 's'} in the configuration: ${variables}`
  const cause: Cause = { reason: 'config_invalid', message }
  await leave(
    { cause, code: exitCodes.configInvalid, flushMs: limits.flushMs },
    { ...logs, exitNow: native.exitNow },
  )
}
