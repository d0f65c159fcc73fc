// How full the watched paths are, shared by who finds it out (`resources/`) and who tells it (`health/`, `alerts/`).

/** From best to worst. */
export const diskLevels = ['ok', 'low', 'critical'] as const

export type DiskLevel = (typeof diskLevels)[number]

export interface DiskState {
  readonly path: string
  readonly level: DiskLevel
  readonly freeBytes: number
  /** Of the bytes or of the inodes, whichever is less. */
  readonly freePercent: number
  /** What that percentage is of. */
  readonly of: 'space' | 'inodes'
}
