// The names in a flow's JSON line that mean something to a record.

/** Ours: what a flow has there is taken over, or moves to `flow.<name>`. */
export const ourNames: ReadonlySet<string> = new Set([
  ...['time', 'level', 'message'],
  ...['service', 'instance', 'component', 'stream', 'event', 'part', 'parts', 'last'],
])

/** Read for the record's time, level and message, each with its other spellings (Python's, Prefect's, pino's). */
export const readNames = ['time', 'timestamp', 'asctime', 'level', 'levelname', 'message', 'msg'] as const

export type ReadName = (typeof readNames)[number]
