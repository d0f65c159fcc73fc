// Finds the flow's command as a shell would, so that "not found" (127) and "cannot be run" (126) are told apart
// before anything is started, whatever the flow is started through.

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { codeOf, FlowkeepError } from '../core/errors.ts'

const fallbackPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The path of the executable. Throws `command_not_found` or `command_not_executable`. */
export function resolveCommand(command: string, searchPath: string | undefined): string {
  const candidates = command.includes('/')
    ? [command]
    : (searchPath || fallbackPath).split(delimiter).map((directory) => resolve(directory || '.', command))
  const found = candidates.filter(exists)
  const executable = found.find(isExecutable)
  if (executable) return executable

  const [unusable] = found
  if (unusable !== undefined) {
    throw new FlowkeepError('command_not_executable', {
      operation: 'cannot run the flow command',
      subject: command,
      message: `${unusable} is ${isDirectory(unusable) ? 'a directory' : 'not executable for this user'}`,
      hint: 'name an executable file after `flowkeep run --`, or give it execute permission (chmod +x)',
    })
  }
  throw new FlowkeepError('command_not_found', {
    operation: 'cannot find the flow command',
    subject: command,
    message: command.includes('/') ? `there is no file ${command}` : `${command} is in no directory of PATH`,
    hint: 'check the spelling of the command after `flowkeep run --` and that the image contains it',
  })
}

/** What exec itself refused after the file was found: no interpreter, a wrong format, another architecture. */
export function refusedByExec(command: string, thrown: unknown): FlowkeepError {
  const code = codeOf(thrown)
  const missing = code === 'ENOENT'
  return new FlowkeepError(missing ? 'command_not_found' : 'command_not_executable', {
    operation: 'cannot start the flow command',
    subject: command,
    message: missing
      ? `the kernel finds ${command} or its interpreter no more`
      : `the kernel refuses ${command} (${code ?? 'unknown error'})`,
    hint: wantHints[code ?? ''] ?? 'check its first line (#!), its architecture, and the user it runs as',
    cause: thrown,
  })
}

/** Where nothing is wrong with the command. */
const wantHints: Readonly<Record<string, string>> = {
  EAGAIN: 'raise the limit of processes (`--pids-limit`, `ulimit -u`), or see what has used them up',
  ENOMEM: 'give the container more memory',
  EMFILE: 'raise the limit of open files (`ulimit -n`, `--ulimit nofile=…`)',
  ENFILE: 'raise the limit of open files of the host',
  E2BIG: 'shorten the arguments of the command, or the environment of the container',
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // PATH may name directories that this user cannot search, such as root's. It may be there, but not for us.
    return true
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
