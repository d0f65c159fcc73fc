import { Command, CommanderError } from 'commander'
import { createControlClient } from '../../../supervisor/cli/control-client.ts'
import type { OpenOffline } from '../../../supervisor/cli/queue-access.ts'
import { addQueueCommands, addSubmitCommand } from '../../../supervisor/cli/queue-program.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Options {
  readonly input?: AsyncIterable<Buffer>
  readonly openOffline?: OpenOffline
}

/** `flowkeep ARGS…`, as the shell would see it. */
export async function runProgram(
  socketPath: string,
  args: readonly string[],
  options: Options = {},
): Promise<Ran> {
  let [code, out, err] = [0, '', '']
  const write = (text: string) => {
    out += text
  }
  const writeError = (text: string) => {
    err += text
  }
  const program = new Command('flowkeep')
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: writeError })
  const parts = {
    ask: () => createControlClient(socketPath),
    openOffline: options.openOffline ?? noSlots,
    look: { color: false, width: 200 },
    input: options.input ?? stream(''),
    write,
    writeError,
    done: (result: number) => {
      code = result
    },
  }
  addQueueCommands(program, parts)
  addSubmitCommand(program, parts)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    code = error.exitCode === 0 ? 0 : 64
  }
  return { code, out, err }
}

export async function* stream(...chunks: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function noSlots(): Promise<never> {
  throw new Error('the slots were not to be opened')
}
