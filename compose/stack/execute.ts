// The one place where the commands of the stack are executed.

import { spawn } from 'node:child_process'

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs it to its end and gives what it said. @throws Error with `code: 'ENOENT'` when there is no such command */
export function ask(command: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({
        code: code ?? 1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    )
  })
}

/** Runs it for a person to watch: what it says goes to stderr. Answers with its exit code. */
export function show(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2] })
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}
