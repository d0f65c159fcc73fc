// The volume under the state directory, and what can go wrong with it: all slots on it suffer alike.

import type { Random } from './random.ts'

export interface Volume {
  full: boolean
  gone: boolean
  /** The number of the call that fails, and how. */
  failsAt: { readonly call: number; readonly how: IoFailure } | undefined
  /** How many there were. */
  readonly calls: number
  /** Asked once for each call: whether it fails, before anything happened or after it was written. */
  failureOf(isWrite: boolean): IoFailure | undefined
}

/** Before anything happened, after it was written, or for want of room. */
export type IoFailure = 'before' | 'after' | 'full'

const writtenAllTheSame = 0.3

export function createVolume(random: Random): Volume {
  let calls = 0
  const volume: Volume = {
    full: false,
    gone: false,
    failsAt: undefined,
    get calls() {
      return calls
    },
    failureOf(isWrite) {
      calls++
      if (calls === volume.failsAt?.call) return volume.failsAt.how
      if (!volume.gone) return undefined
      return isWrite && random.chance(writtenAllTheSame) ? 'after' : 'before'
    },
  }
  return volume
}
