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
