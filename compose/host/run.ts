// The one place that starts other programs. What they are told is built elsewhere, as arrays.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { FlowkeepError } from '../../supervisor/core/errors.ts'

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to this process's own. */
  readonly environment?: Readonly<Record<string, string>>
  /** Given on standard input. */
  readonly input?: string
  readonly timeoutMs?: number
}

/** Bytes kept of what a program prints on each of its streams; what comes later is dropped. */
const outputBytesMax = 64 * 1024 * 1024

/**
 * Runs a program to its end and gives what it printed, whatever its exit code (128 + 9 when its time was over).
 * @throws FlowkeepError when it cannot be started
 */
export function capture(command: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, options, ['pipe', 'pipe', 'pipe'])
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    child.once('error', (error) => reject(cannotStart(command, error)))
    child.once('close', (code) => resolve({ code: code ?? 137, stdout: stdout(), stderr: stderr() }))
    // A program that doesn't read its input may have gone already.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/**
 * Runs a program on this terminal.
 * @returns its exit code, 128 + n when a signal ended it
 */
export function runHere(command: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, options, 'inherit')
    // The terminal sends its signals to both; the program decides what they mean, and this one waits for its end.
    const ignore = () => {}
    process.on('SIGINT', ignore)
    child.once('error', (error) => reject(cannotStart(command, error)))
    child.once('close', (code) => {
      process.off('SIGINT', ignore)
      resolve(code ?? 130)
    })
  })
}

/**
 * Runs a program for a person to watch: whatever it prints goes to standard error, where what is no result belongs.
 * @returns its exit code
 */
export function show(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, {}, ['ignore', 2, 2])
    child.once('error', (error) => reject(cannotStart(command, error)))
    child.once('close', (code) => resolve(code ?? 137))
  })
}

/**
 * Runs a program whose standard error is handed on line by line.
 * @returns its exit code
 */
export function followErrors(
  command: string,
  args: readonly string[],
  options: RunOptions,
  line: (text: string) => void,
): Promise<number> {
  return follow(command, start(command, args, options, ['ignore', 'ignore', 'pipe']), 'stderr', line)
}

/**
 * Runs a program whose standard output is handed on line by line; its standard error is ours.
 * @returns its exit code
 */
export function followLines(
  command: string,
  args: readonly string[],
  line: (text: string) => void,
): Promise<number> {
  return follow(command, start(command, args, {}, ['ignore', 'pipe', 'inherit']), 'stdout', line)
}

function follow(
  command: string,
  child: ChildProcess,
  stream: 'stdout' | 'stderr',
  line: (text: string) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let rest = ''
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const each of lines) line(each)
    })
    child.once('error', (error) => reject(cannotStart(command, error)))
    child.once('close', (code) => {
      if (rest !== '') line(rest)
      resolve(code ?? 137)
    })
  })
}

/**
 * Runs a program whose standard output is handed on as it comes.
 * @returns its exit code and what it said on standard error
 */
export function followOutput(
  command: string,
  args: readonly string[],
  chunk: (bytes: Buffer) => void,
): Promise<Pick<Output, 'code' | 'stderr'>> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, {}, ['ignore', 'pipe', 'pipe'])
    const stderr = collect(child.stderr)
    child.stdout?.on('data', chunk)
    child.once('error', (error) => reject(cannotStart(command, error)))
    child.once('close', (code) => resolve({ code: code ?? 137, stderr: stderr() }))
  })
}

/** Runs a program with a socket as its standard input and output, until either ends. */
export function relay(command: string, args: readonly string[], socket: Duplex): void {
  const child = start(command, args, {}, ['pipe', 'pipe', 'ignore'])
  if (child.stdin) socket.pipe(child.stdin).on('error', () => {})
  child.stdout?.pipe(socket)
  socket.once('error', () => child.kill())
  socket.once('close', () => child.kill())
  child.once('error', () => socket.destroy())
  child.once('close', () => socket.end())
}

function start(
  command: string,
  args: readonly string[],
  { cwd, environment, timeoutMs }: RunOptions,
  stdio: 'inherit' | ('pipe' | 'ignore' | 'inherit' | number)[],
): ChildProcess {
  return spawn(command, args, {
    stdio,
    ...(cwd !== undefined && { cwd }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: 'SIGKILL' as const }),
    env: { ...process.env, ...environment },
  })
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= outputBytesMax) chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString()
}

function cannotStart(command: string, error: NodeJS.ErrnoException): FlowkeepError {
  const isMissing = error.code === 'ENOENT'
  if (command === 'docker') {
    return new FlowkeepError('engine_unavailable', {
      operation: 'cannot run docker',
      subject: command,
      message: isMissing ? 'there is no docker command on PATH' : error.message,
      hint: 'Install Docker Engine with its plugins buildx and compose, and run this again.',
      cause: error,
    })
  }
  return new FlowkeepError('tool_failed', {
    operation: `cannot run ${command}`,
    subject: command,
    message: isMissing ? 'there is no such program' : error.message,
    hint: `See that ${command} is installed and on PATH.`,
    cause: error,
  })
}
