// What every part may ask of the log. `logs/` implements it.

export interface LogFields {
  /** Dotted name of what happened: `gate.waiting`, `flow.exited`. */
  readonly event: string
  readonly [field: string]: unknown
}

export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** A logger whose last record can be said: what comes after `end` is not written. */
export interface EndableLogger extends Logger {
  end(): void
}

export function endable(logger: Logger): EndableLogger {
  let ended = false
  const unlessEnded = (level: keyof Logger) => (fields: LogFields, message: string) => {
    if (!ended) logger[level](fields, message)
  }
  return {
    debug: unlessEnded('debug'),
    info: unlessEnded('info'),
    warn: unlessEnded('warn'),
    error: unlessEnded('error'),
    end() {
      ended = true
    },
  }
}
