// A will: an operation that the supervisor submits when the flow is gone and has not taken it back. It is how a run that
// nobody can report any more, because its process was killed, is still reported as crashed. `queue/wills.ts` keeps them.

export interface Wills {
  /**
   * Keeps it until it is dropped or the flow is gone, whatever ends this process. The same id again replaces it.
   * @throws FlowkeepError `invalid_request`, `queue_full`, `disk_full`
   */
  keep(id: string, operation: unknown): void
  /** False where there was none. */
  drop(id: string): boolean
}
