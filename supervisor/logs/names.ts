// The names in a flow's JSON line that mean something to a record.

/** Ours: what a flow has there is taken over, or moves to `flow.<name>`. */
export const ourNames: ReadonlySet<string> = new Set([
  ...['time', 'level', 'message'],
  ...['service', 'instance', 'component', 'stream', 'event', 'part', 'parts', 'last'],
])

/**
 * Names that are read for the record's time, level and message, each with its other spellings (Python's, Prefect's,
 * pino's), and the place of each in a table.
 */
export const slots = {
  time: 0,
  timestamp: 1,
  asctime: 2,
  level: 3,
  levelname: 4,
  message: 5,
  msg: 6,
} as const
