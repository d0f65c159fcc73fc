// The ends of `npm start` and `npm stop`.

import { catalogue, FlowkeepError } from '../../supervisor/core/errors.ts'

export function usageExit(usage: string, problem?: string): void {
  if (problem !== undefined) console.error(`${problem}\n`)
  console.error(usage)
  process.exitCode = catalogue.usage.exitCode
}

/** Runs it; what a person has to mend is told in two lines: what was found, and what to do. */
export async function orExplain(command: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof FlowkeepError)) throw error
    console.error(`${command}: ${error.message}\n${error.hint}`)
    process.exitCode = error.entry.exitCode ?? 1
  }
}
