// What a person has to mend before the stack can run: one message that says what was found and what to do.

export const exitCode = {
  usage: 64,
  /** Something is not there. */
  unavailable: 69,
  /** A port is another's. */
  cannotBeHad: 73,
  /** Something is set wrong. */
  refused: 78,
} as const

export class Problem extends Error {
  readonly exitCode: number

  constructor(message: string, code: number) {
    super(message)
    this.exitCode = code
  }
}
