// The directory that outlives the flow's restarts. Found unusable at the start rather than at the first write.

import { accessSync, constants, statfsSync, statSync } from 'node:fs'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { makeDirectories } from '../core/make-directories.ts'

/** Makes the directory if need be. Throws `state_directory_unavailable`. */
export function ensureStateDirectory(path: string): void {
  try {
    makeDirectories(path)
    if (!statSync(path).isDirectory())
      throw Object.assign(new Error('it is not a directory'), { code: 'ENOTDIR' })
    accessSync(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new FlowkeepError('state_directory_unavailable', {
      operation: 'cannot use the state directory',
      subject: path,
      message: `${path}: ${codeOf(error) ?? messageOf(error)}`,
      hint: 'mount a volume there that this user may write to, or name another place by CONTAINER_STATE_DIRECTORY',
      cause: error,
    })
  }
}

const tmpfsMagic = 0x01021994

/** Whether what is written there outlives the container: something that is no tmpfs is mounted on it or above it. */
export function isOnVolume(path: string): boolean {
  const device = statSync(path, { throwIfNoEntry: false })?.dev
  return device !== undefined && device !== statSync('/').dev && statfsSync(path).type !== tmpfsMagic
}
