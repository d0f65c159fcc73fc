// The catalogue of everything Flowkeep can refuse or fail with. Each code has its page in `runbooks/`.

export interface CatalogueEntry {
  /** What the exit code is when this error ends the container; absent where it never does. */
  readonly exitCode?: number
  /** The HTTP status on the control socket. */
  readonly httpStatus: number
  /** Whether doing the same again later can succeed without anyone changing anything. */
  readonly retryable: boolean
  readonly title: string
}

export const catalogue = {
  usage: {
    exitCode: 64,
    httpStatus: 400,
    retryable: false,
    title: 'The command line cannot be understood',
  },
  config_invalid: {
    exitCode: 78,
    httpStatus: 422,
    retryable: false,
    title: 'The configuration is refused',
  },
  dependency_unavailable: {
    exitCode: 69,
    httpStatus: 503,
    retryable: true,
    title: 'A required dependency was not ready in time',
  },
  flow_not_ready: {
    httpStatus: 503,
    retryable: true,
    title: 'The flow did not become ready in time',
  },
  flow_stuck: {
    httpStatus: 503,
    retryable: true,
    title: 'The flow lives and does not get on',
  },
  crash_loop: {
    httpStatus: 503,
    retryable: false,
    title: 'The flow crashed too often',
  },
  command_not_found: {
    exitCode: 127,
    httpStatus: 500,
    retryable: false,
    title: 'The flow command cannot be found',
  },
  command_not_executable: {
    exitCode: 126,
    httpStatus: 500,
    retryable: false,
    title: 'The flow command cannot be run',
  },
  port_unavailable: {
    exitCode: 73,
    httpStatus: 500,
    retryable: true,
    title: 'The HTTP port cannot be had',
  },
  control_socket_unavailable: {
    exitCode: 73,
    httpStatus: 500,
    retryable: true,
    title: 'The control socket cannot be had',
  },
  state_directory_unavailable: {
    exitCode: 73,
    httpStatus: 503,
    retryable: true,
    title: 'The state directory cannot be used',
  },
  security_refused: {
    exitCode: 78,
    httpStatus: 500,
    retryable: false,
    title: 'The container is not as closed as it has to be',
  },
  internal: {
    exitCode: 70,
    httpStatus: 500,
    retryable: false,
    title: 'Flowkeep itself failed',
  },
  supervisor_hung: {
    exitCode: 70,
    httpStatus: 503,
    retryable: true,
    title: 'The event loop of the supervisor stood still',
  },
  invalid_request: {
    httpStatus: 400,
    retryable: false,
    title: 'A request on the control socket is malformed',
  },
  not_found: {
    httpStatus: 404,
    retryable: false,
    title: 'There is nothing at that path',
  },
  wrong_state: {
    httpStatus: 409,
    retryable: false,
    title: 'The request does not fit the current state',
  },
  supervisor_unreachable: {
    exitCode: 69,
    httpStatus: 503,
    retryable: true,
    title: 'No supervisor answers on the control socket or port',
  },
  queue_full: {
    httpStatus: 429,
    retryable: true,
    title: 'The local queue is full',
  },
  disk_full: {
    httpStatus: 507,
    retryable: true,
    title: 'A disk is full, or so nearly that no new work is taken',
  },
  operation_conflict: {
    httpStatus: 409,
    retryable: false,
    title: 'The id belongs to an operation with other content',
  },
  operation_refused: {
    httpStatus: 422,
    retryable: false,
    title: 'The target refuses the operation for good',
  },
  operation_too_large: {
    httpStatus: 413,
    retryable: false,
    title: 'The operation is too large',
  },
  lane_busy: {
    httpStatus: 503,
    retryable: true,
    title: 'The lane has operations that come first',
  },
  outcome_unknown: {
    httpStatus: 503,
    retryable: true,
    title: 'The answer of the target was lost',
  },
  schema_missing: {
    httpStatus: 503,
    retryable: true,
    title: "The database lacks Flowkeep's tables",
  },
  migration_refused: {
    exitCode: 1,
    httpStatus: 500,
    retryable: false,
    title: "The database refuses to create or change Flowkeep's tables",
  },
  draining: {
    httpStatus: 503,
    retryable: true,
    title: 'The container is stopping',
  },
  epoch_stale: {
    httpStatus: 409,
    retryable: false,
    title: 'The record has a newer owner',
  },
  engine_unavailable: {
    exitCode: 69,
    httpStatus: 503,
    retryable: true,
    title: 'No Docker engine answers',
  },
  build_failed: {
    exitCode: 1,
    httpStatus: 500,
    retryable: false,
    title: 'An image cannot be built',
  },
  tool_failed: {
    exitCode: 1,
    httpStatus: 500,
    retryable: false,
    title: 'A program that a command of the host needs has failed',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof catalogue

export interface ErrorDetails {
  /** What was attempted, as in "cannot open the state directory". */
  readonly operation: string
  /** The variable, file, path or command it was attempted on. */
  readonly subject?: string
  /** What was found and expected; one line, free of secrets. */
  readonly message: string
  /** What the operator can do about it. */
  readonly hint: string
  readonly cause?: unknown
}

export class FlowkeepError extends Error {
  readonly code: ErrorCode
  readonly operation: string
  readonly subject: string | undefined
  readonly hint: string

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(`${details.operation}: ${details.message}`, { cause: details.cause })
    this.name = 'FlowkeepError'
    this.code = code
    this.operation = details.operation
    this.subject = details.subject
    this.hint = details.hint
  }

  get entry(): CatalogueEntry {
    return catalogue[this.code]
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  return text.replace(/\s+/g, ' ').trim()
}

/** The `code` of a Node.js or PostgreSQL error (`ENOENT`, `28P01`), if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
