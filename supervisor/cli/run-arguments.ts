// The arguments of `flowkeep run`. By hand, because this is on the path to a container's first answer.

import { exitCodes } from '../core/exit.ts'

export type RunArguments =
  | { readonly ok: true; readonly command: readonly [string, ...string[]] }
  | { readonly ok: false; readonly text: string; readonly exitCode: number }

export const runHelp = `Usage: flowkeep run -- COMMAND [ARGUMENT…]

Supervises COMMAND: checks the CONTAINER_ configuration, waits for the dependencies, starts the command, forwards
signals, reaps orphans, restarts after a crash, serves /health and /metrics, and stops gracefully.
It is meant to be a container's entry point: ENTRYPOINT ["flowkeep", "run", "--"]

  flowkeep check               validate the configuration without starting anything
  flowkeep config --reference  every variable with its default
`

export function parseRunArguments(args: readonly string[]): RunArguments {
  const [first, ...rest] = args
  if (first === '--help' || first === '-h') return { ok: false, text: runHelp, exitCode: 0 }
  if (first?.startsWith('-') && first !== '--') return refuse(`unknown option ${first}`)
  const [file, ...commandArgs] = first === '--' ? rest : args
  if (file === undefined || file === '') return refuse('there is no command to supervise')
  return { ok: true, command: [file, ...commandArgs] }
}

function refuse(what: string): RunArguments {
  return {
    ok: false,
    text: `flowkeep run: ${what}. Write the flow's command after two dashes: flowkeep run -- python flow.py\n`,
    exitCode: exitCodes.usage,
  }
}
