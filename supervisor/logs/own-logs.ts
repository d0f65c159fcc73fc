// Stdout and the supervisor's own records on it: everything that is logged goes through here, free of secrets.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { createRedactor, type Redact } from '../core/secret.ts'
import { createLogger } from './logger.ts'
import { createLogSink, type LogSink } from './sink.ts'
import type { LevelName } from './sound.ts'

const stdoutFd = 1

export interface OwnLogsParts {
  readonly clock: Clock
  readonly service: string
  readonly instance: string
  readonly level: LevelName
  /** Plain values that must never be printed. */
  readonly secrets: readonly string[]
}

export interface OwnLogs {
  readonly sink: LogSink
  readonly logger: Logger
  readonly redact: Redact
  readonly service: string
  readonly instance: string
  /** After a reload. The secrets of before may still turn up, so they belong among the new ones. */
  reconfigure(level: LevelName, secrets: readonly string[]): void
}

export function createOwnLogs({ clock, service, instance, level, secrets }: OwnLogsParts): OwnLogs {
  let redactor = createRedactor(secrets)
  const redact: Redact = (text) => redactor(text)
  const sink = createLogSink({ fd: stdoutFd, clock })
  const logger = createLogger({ sink, clock, level, service, instance, redact })
  return {
    sink,
    logger,
    redact,
    service,
    instance,
    reconfigure(newLevel, newSecrets) {
      logger.level = newLevel
      redactor = createRedactor(newSecrets)
    },
  }
}
