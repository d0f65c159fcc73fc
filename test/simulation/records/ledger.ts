// What flows were handed, what they asked for and what they were told: the witness for what must have happened.

import type { RecordAction } from '../../../supervisor/core/records.ts'

export interface Hand {
  readonly id: string
  readonly epoch: number
  /** The life of a supervisor, and the flow in it. */
  readonly life: string
  readonly flow: number
  /** In the state of a supervisor that was copied. */
  readonly copied: boolean
  /** How many were handed out together. */
  readonly company: number
  /** Its supervisor believes that they did not arrive. */
  readonly undelivered: boolean
  readonly atMs: number
  /** The flow crashed while it had it, and had asked for nothing yet. */
  crashedWith: boolean
}

export interface Asked {
  readonly id: string
  readonly epoch: number
  readonly action: RecordAction
  /** Completed with an effect. */
  readonly effect: boolean
  readonly life: string
  /** Undefined while it is not known. */
  answer:
    | {
        readonly state: 'applied' | 'queued' | 'stale' | 'refused'
        /** With `refused`. */
        readonly code?: string
        readonly atMs: number
      }
    | undefined
}

export interface Enqueuing {
  readonly id: string
  readonly payloads: readonly string[]
  /** Undefined when nobody was told. */
  ids: readonly string[] | undefined
}

export interface RecordLedger {
  readonly hands: Hand[]
  readonly asked: Asked[]
  readonly enqueued: Enqueuing[]
}

export function createRecordLedger(): RecordLedger {
  return { hands: [], asked: [], enqueued: [] }
}
