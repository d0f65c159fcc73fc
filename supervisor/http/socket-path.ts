// Takes possession of the control socket's path. A socket that nobody listens on is left over from a supervisor that
// was killed and is replaced; anything else at the path belongs to somebody and is refused.

import { chmodSync, chownSync, lstatSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname, isAbsolute } from 'node:path'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { makeDirectories } from '../core/make-directories.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface ClaimedPath {
  /** Set when others can see or write into the directory and it was not ours to close. */
  readonly openDirectory: string | undefined
}

const variable = 'CONTAINER_CONTROL_SOCKET'

/** Makes the directory and clears the path, or throws `control_socket_unavailable`. */
export async function claimSocketPath(path: string, owner: Owner | undefined): Promise<ClaimedPath> {
  if (!isAbsolute(path)) throw refuse(path, 'the path is not absolute', `Give ${variable} from / on.`)
  if (Buffer.byteLength(path) > limits.socketPathBytes) {
    throw refuse(
      path,
      `the path is longer than ${limits.socketPathBytes} bytes`,
      `Set ${variable} to a shorter path; the kernel takes no longer one.`,
    )
  }
  const openDirectory = prepareDirectory(path, owner)
  await clear(path)
  return { openDirectory }
}

export function socketRefusal(path: string, error: unknown): FlowkeepError {
  if (error instanceof FlowkeepError) return error
  const hint = `Mount a writable directory there (a tmpfs will do), or set ${variable} to one.`
  return refuse(path, messageOf(error), hint, error)
}

/** @returns the directory if it stays open to others */
function prepareDirectory(path: string, owner: Owner | undefined): string | undefined {
  try {
    // All of them are the flow's, since each directory on the way must let it pass.
    const made = makeDirectories(dirname(path))
    const directory = realpathSync(dirname(path))
    const state = statSync(directory)
    const sticky = (state.mode & 0o1000) !== 0
    // A directory that holds something else besides the socket (/tmp, /run) is not ours to close.
    const dedicated = state.uid === process.geteuid?.() && !sticky && holdsOnly(directory, basename(path))
    if (made.length > 0 || dedicated) {
      chmodSync(directory, 0o700)
      if (owner) for (const each of [...made, directory]) chownSync(each, owner.uid, owner.gid)
      return undefined
    }
    return (state.mode & 0o077) === 0 ? undefined : directory
  } catch (error) {
    throw socketRefusal(path, error)
  }
}

function holdsOnly(directory: string, name: string): boolean {
  return readdirSync(directory).every((entry) => entry === name)
}

async function clear(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  const elsewhere = `Remove it, or set ${variable} to another path.`
  if (found.isSymbolicLink()) throw refuse(path, 'a symbolic link is in the way', elsewhere)
  if (!found.isSocket()) throw refuse(path, 'something that is no socket is in the way', elsewhere)
  const answer = await knock(path)
  if (answer === undefined) {
    throw refuse(path, 'another process listens there', `Give each supervisor a ${variable} of its own.`)
  }
  if (codeOf(answer) !== 'ECONNREFUSED') throw socketRefusal(path, answer)
  try {
    rmSync(path)
  } catch (error) {
    throw socketRefusal(path, error)
  }
}

/** Undefined when somebody accepts, or would if its backlog were not full. */
function knock(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error) => resolve(codeOf(error) === 'EAGAIN' ? undefined : error))
  })
}

function refuse(path: string, message: string, hint: string, cause?: unknown): FlowkeepError {
  return new FlowkeepError('control_socket_unavailable', {
    operation: 'cannot open the control socket',
    subject: path,
    message: `${path}: ${message}`,
    hint,
    cause,
  })
}
