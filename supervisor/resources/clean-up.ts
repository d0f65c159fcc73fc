// Clean-up of the directories that were named for it, and of nothing else. What goes:
//
// 1. files that nobody has written or read for the maximum age;
// 2. where space is missing after that, rotated logs of any age, the oldest first, until there is enough.
//
// Directories, links, sockets and devices stay, and so does what a process has open. Whoever can write there may swap
// directories and links while this runs: see `pinned-directory.ts` for why nothing outside is ever reached.

import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { openFiles } from './open-files.ts'
import { PinnedDirectory } from './pinned-directory.ts'

export interface CleanUpRequest {
  /** Absolute and normal. */
  readonly paths: readonly string[]
  readonly maxAgeMs: number
  readonly dryRun: boolean
  /** Directories that are left alone wherever they turn up: the state directory. */
  readonly keep: readonly string[]
  /** Bytes that are missing, by the device that they are missing on. `Infinity` where inodes are. */
  readonly missing: ReadonlyMap<string, number>
  /** A file was removed, or would be. */
  removed?(file: Removed): void
}

export interface Removed {
  /** As far as it is text. */
  readonly path: string
  readonly bytes: number
  readonly ageMs: number
  readonly why: 'age' | 'rotated'
}

export interface CleanUpReport {
  readonly path: string
  readonly files: number
  readonly bytes: number
  /** Old enough, and open. */
  readonly open: number
  /** What could not be done, the first ones. */
  readonly problems: readonly string[]
  /** There was more than one run looks at. */
  readonly cut: boolean
}

/** Never rejects. */
export async function cleanUp(request: CleanUpRequest, clock: Clock): Promise<CleanUpReport[]> {
  const keep = new Set((await Promise.all(request.keep.map(identityOf))).filter((id) => id !== undefined))
  const reports: CleanUpReport[] = []
  for (const path of request.paths) reports.push(await new CleanUp(request, path, keep, clock).run())
  return reports
}

async function identityOf(path: string): Promise<string | undefined> {
  const directory = await PinnedDirectory.open(path).catch(() => undefined)
  await directory?.close()
  return directory?.identity
}

interface RotatedLog {
  /** From below the clean-up path. */
  readonly names: readonly Buffer[]
  readonly identity: string
  readonly usedMs: number
}

class CleanUp {
  readonly #request: CleanUpRequest
  readonly #path: string
  readonly #keep: ReadonlySet<string>
  readonly #clock: Clock
  readonly #untilMs: number
  #missingBytes: number | undefined
  #open: ReadonlySet<string> | undefined
  #rotated: RotatedLog[] = []
  #looked = 0
  #files = 0
  #bytes = 0
  #openKept = 0
  #cut = false
  readonly #problems: string[] = []

  constructor(request: CleanUpRequest, path: string, keep: ReadonlySet<string>, clock: Clock) {
    this.#request = request
    this.#path = path
    this.#keep = keep
    this.#clock = clock
    this.#untilMs = clock.monotonicMs() + limits.cleanupMs
  }

  async run(): Promise<CleanUpReport> {
    try {
      const root = await PinnedDirectory.open(this.#path)
      try {
        this.#missingBytes = this.#request.missing.get(root.device)
        await this.#walk(root, [])
        await this.#removeRotated(root)
      } finally {
        await root.close()
      }
    } catch (error) {
      this.#problem(explain(error))
    }
    const [path, files, bytes, open] = [this.#path, this.#files, this.#bytes, this.#openKept]
    return { path, files, bytes, open, problems: this.#problems, cut: this.#cut }
  }

  async #walk(directory: PinnedDirectory, names: readonly Buffer[]): Promise<void> {
    if (this.#keep.has(directory.identity)) return
    for await (const name of directory.entries()) {
      if (await this.#isEnough()) return
      try {
        await this.#visit(directory, [...names, name], name)
      } catch (error) {
        this.#problem(`${this.#show([...names, name])}: ${explain(error)}`)
      }
    }
  }

  async #visit(directory: PinnedDirectory, names: readonly Buffer[], name: Buffer): Promise<void> {
    const entry = await directory.look(name)
    if (entry?.isDirectory) {
      if (names.length > limits.cleanupDepth) {
        this.#cut = true
        return
      }
      const inner = await directory.enter(name)
      if (!inner) return
      try {
        await this.#walk(inner, names)
      } finally {
        await inner.close()
      }
      return
    }
    if (!entry?.isFile) return
    const { identity, usedMs, freesBytes } = entry
    const ageMs = this.#clock.wallMs() - usedMs
    if (ageMs > this.#request.maxAgeMs) {
      await this.#remove(directory, names, name, { identity, bytes: freesBytes, ageMs, why: 'age' })
    } else if (isRotatedLog(name) && ageMs > limits.cleanupRotatedAgeMs) {
      this.#remember({ names, identity, usedMs })
    }
  }

  /** The oldest ones, where there are more than are kept in memory. */
  #remember(log: RotatedLog): void {
    if (this.#missingBytes === undefined) return
    this.#rotated.push(log)
    if (this.#rotated.length < 2 * limits.cleanupRotated) return
    this.#rotated = oldestFirst(this.#rotated).slice(0, limits.cleanupRotated)
    this.#cut = true
  }

  async #removeRotated(root: PinnedDirectory): Promise<void> {
    for (const { names, identity } of oldestFirst(this.#rotated)) {
      if (this.#bytes >= (this.#missingBytes ?? 0) || (await this.#isEnough())) return
      try {
        await this.#removeAgain(root, names, identity)
      } catch (error) {
        this.#problem(`${this.#show(names)}: ${explain(error)}`)
      }
    }
  }

  /** Walks down once more, since no directory is held open that long. */
  async #removeAgain(root: PinnedDirectory, names: readonly Buffer[], identity: string): Promise<void> {
    const [name, ...above] = names.toReversed() as [Buffer, ...Buffer[]]
    const held: PinnedDirectory[] = []
    try {
      let directory: PinnedDirectory | undefined = root
      for (const part of above.toReversed()) {
        directory = await directory.enter(part)
        if (!directory || this.#keep.has(directory.identity)) return
        held.push(directory)
      }
      const entry = await directory.look(name)
      if (!entry?.isFile || entry.identity !== identity) return
      const ageMs = this.#clock.wallMs() - entry.usedMs
      if (ageMs <= limits.cleanupRotatedAgeMs) return
      await this.#remove(directory, names, name, { identity, bytes: entry.freesBytes, ageMs, why: 'rotated' })
    } finally {
      for (const directory of held) await directory.close()
    }
  }

  async #remove(
    directory: PinnedDirectory,
    names: readonly Buffer[],
    name: Buffer,
    what: { identity: string; bytes: number; ageMs: number; why: Removed['why'] },
  ): Promise<void> {
    this.#open ??= await openFiles()
    if (this.#open.has(what.identity)) {
      this.#openKept++
      return
    }
    if (!this.#request.dryRun) {
      try {
        await directory.remove(name)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return
        throw error
      }
    }
    const { bytes, ageMs, why } = what
    this.#files++
    this.#bytes += bytes
    this.#request.removed?.({ path: this.#show(names), bytes, ageMs, why })
  }

  /** Rests between batches, so that the disk and the event loop are left to others. */
  async #isEnough(): Promise<boolean> {
    this.#looked++
    if (this.#looked % limits.cleanupBatch === 0) await sleep(this.#clock, limits.cleanupRestMs)
    const enough = this.#looked > limits.cleanupEntries || this.#clock.monotonicMs() > this.#untilMs
    if (enough) this.#cut = true
    return enough
  }

  #problem(message: string): void {
    if (this.#problems.length < limits.cleanupProblems) this.#problems.push(message)
  }

  #show(names: readonly Buffer[]): string {
    return [this.#path, ...names].join('/')
  }
}

function oldestFirst(logs: readonly RotatedLog[]): RotatedLog[] {
  return [...logs].sort((a, b) => a.usedMs - b.usedMs)
}

const rotatedLog = /\.log(?:[.-]\d[\d_T:.-]{0,40}(?:\.(?:gz|bz2|xz|zst))?|\.(?:gz|bz2|xz|zst))$/

/** `app.log.1`, `app.log.2.gz`, `app.log-20261128`, `app.log.2026-11-28_12`, `app.log.gz`; never `app.log`. */
export function isRotatedLog(name: Buffer): boolean {
  return rotatedLog.test(name.toString('latin1'))
}

function explain(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ELOOP' || code === 'ENOTDIR') {
    return 'a symbolic link, or no directory, stands on the way: name the real path'
  }
  if (code === 'ENOENT') return 'it does not exist'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  return messageOf(error)
}
