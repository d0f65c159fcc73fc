// What the free space of the watched paths amounts to: ok, low (clean up), critical (take no new work). A level is left
// again only when a little more is free than it took to come into it, so that it does not flap. A path that does not
// answer keeps its last level.

import { type DiskLevel, type DiskState, diskLevels } from '../core/disk.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Disks, Space } from './disk.ts'

export interface DiskThresholds {
  /** Percent of a file system that are free; 0 never comes about. */
  readonly lowPercent: number
  readonly criticalPercent: number
}

export interface Shortage {
  readonly path: string
  /** To be freed until the path is no longer low; undefined where inodes are what is missing. */
  readonly missingBytes: number | undefined
}

export interface DiskGuardParts {
  readonly disks: Disks
  readonly logger: Logger
  thresholds(): DiskThresholds
  /** Some paths are low. Called at each look while that is so; never rejects. */
  low(shortages: readonly Shortage[]): void
  /** Whether any path is critical has changed. */
  critical(now: boolean): void
}

export class DiskGuard {
  readonly #parts: DiskGuardParts
  #states: ReadonlyMap<string, DiskState> = new Map()
  #critical = false
  /** Once others than in the beginning. */
  #watched: readonly string[] | undefined

  constructor(parts: DiskGuardParts) {
    this.#parts = parts
  }

  get states(): readonly DiskState[] {
    return [...this.#states.values()]
  }

  get isCritical(): boolean {
    return this.#critical
  }

  /** Other paths are watched from now on. */
  forget(paths: readonly string[]): void {
    this.#watched = paths
    this.#states = new Map([...this.#states].filter(([path]) => paths.includes(path)))
  }

  /** Asks the file systems and does what follows. */
  async look(): Promise<readonly DiskState[]> {
    const { disks, low, critical } = this.#parts
    const spaces = await disks.spaces()
    const next = new Map(this.#states)
    for (const [path, space] of spaces) {
      // Of one that was given up while it was asked nobody would ever hear that it has room again.
      if (this.#watched?.includes(path) ?? true) next.set(path, this.#judge(path, space))
    }
    this.#states = next
    const shortages = this.states.flatMap((state) => this.#shortage(state, spaces.get(state.path)))
    if (shortages.length > 0) low(shortages)
    const isCritical = this.states.some(({ level }) => level === 'critical')
    if (isCritical !== this.#critical) {
      this.#critical = isCritical
      critical(isCritical)
    }
    return this.states
  }

  #judge(path: string, space: Space): DiskState {
    const before = this.#states.get(path)?.level ?? 'ok'
    const ofSpace = percent(space.freeBytes, space.sizeBytes)
    const ofInodes = percent(space.freeInodes, space.inodes)
    const freePercent = Math.min(ofSpace, ofInodes)
    const level = levelOf(freePercent, before, this.#parts.thresholds())
    const of = ofInodes < ofSpace ? 'inodes' : 'space'
    const state: DiskState = { path, level, freeBytes: space.freeBytes, freePercent, of }
    if (level !== before) this.#say(state, before)
    return state
  }

  #say({ path, level, freeBytes, freePercent, of }: DiskState, before: DiskLevel): void {
    const { logger } = this.#parts
    const fields = { event: `disk.${level}`, path, freeBytes, freePercent: round(freePercent) }
    const message = `${round(freePercent)}% of the ${of} under ${path} is free`
    if (diskLevels.indexOf(level) > diskLevels.indexOf(before)) logger.warn(fields, message)
    else logger.info(fields, message)
  }

  #shortage({ path, level, of }: DiskState, space: Space | undefined): Shortage[] {
    if (level === 'ok' || space === undefined) return []
    if (of === 'inodes') return [{ path, missingBytes: undefined }]
    const { lowPercent } = this.#parts.thresholds()
    const wanted = (space.sizeBytes * (lowPercent + limits.diskMarginPercent)) / 100
    return [{ path, missingBytes: Math.max(0, Math.ceil(wanted - space.freeBytes)) }]
  }
}

function levelOf(freePercent: number, before: DiskLevel, thresholds: DiskThresholds): DiskLevel {
  const isBelow = (threshold: number, level: DiskLevel) => {
    const stays = diskLevels.indexOf(before) >= diskLevels.indexOf(level)
    return threshold > 0 && freePercent < threshold + (stays ? limits.diskMarginPercent : 0)
  }
  if (isBelow(thresholds.criticalPercent, 'critical')) return 'critical'
  return isBelow(thresholds.lowPercent, 'low') ? 'low' : 'ok'
}

function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : 100
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
