// The two ways in which a query fails: the database could not be asked, or it answered with an error.

/** The database could not be asked, or its answer was lost. */
export class DatabaseUnavailable extends Error {
  /** A reason of `core/dependency.ts` or of `sql-state.ts`, or `pool_exhausted`, `cancelled`, `closed`. */
  readonly reason: string
  /** The query was sent: it may have had its effect. */
  readonly outcomeUnknown: boolean

  constructor(details: { reason: string; message: string; outcomeUnknown: boolean; cause?: unknown }) {
    super(details.message, { cause: details.cause })
    this.name = 'DatabaseUnavailable'
    this.reason = details.reason
    this.outcomeUnknown = details.outcomeUnknown
  }
}

/** The server answered with an error; nothing of the query remains. */
export class QueryRefused extends Error {
  readonly sqlState: string

  constructor(sqlState: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'QueryRefused'
    this.sqlState = sqlState
  }
}
