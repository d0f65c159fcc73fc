// The power goes at any moment. A program's system calls are recorded by strace; from them the disk is rebuilt as it
// may be found afterwards: what was synced is there, and of what was not each write may be there, missing or torn.
// Names count as everything else: one that was made or removed is certain once its directory was synced.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export type DiskEvent =
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'sync' | 'create' | 'unlink'; readonly path: string }
  /** The sync failed: what was written since the last one is in the cache alone, and no later sync puts it on the disk. */
  | { readonly kind: 'sync_failed'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  /** A line on stdout. */
  | { readonly kind: 'say'; readonly text: string }

const traced =
  'open,openat,creat,pwrite64,pwritev,write,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat'

export function hasStrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
}

/**
 * Runs the program to its end; what it does below `directory`, in order. It may have one thread that writes.
 * @param inject which of its calls fail, in the words of strace
 */
export function record(
  command: readonly [string, ...string[]],
  directory: string,
  traceFile: string,
  inject: readonly string[] = [],
): DiskEvent[] {
  const options = ['-o', traceFile, '-y', '-xx', '-s', String(1024 * 1024), '-e', `trace=${traced}`]
  for (const fault of inject) options.push('-e', `inject=${fault}`)
  const { status, stderr } = spawnSync('strace', [...options, ...command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the traced program ended with ${status}: ${stderr}`)
  const sizes = new Map<string, number>()
  const text = readFileSync(traceFile, 'latin1')
  return text.split('\n').flatMap((line) => eventsOf(line, directory, sizes))
}

function eventsOf(line: string, directory: string, sizes: Map<string, number>): DiskEvent[] {
  const call = /^(\w+)\((.*)\) += (-?\d+)/.exec(line)
  if (!call) return []
  const [, name = '', args = '', answer = ''] = call
  const failed = Number(answer) < 0
  if (failed && name !== 'fsync') return []
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => bytesOf(hex ?? ''))
  const opened = /<((?:\\x[0-9a-f]{2})*)>/.exec(name.startsWith('open') ? line.slice(args.length) : args)
  const path = bytesOf(opened?.[1] ?? '').toString()
  const ours = path.startsWith(directory)
  const numbers = args.split(', ')
  switch (name) {
    case 'write':
      if (/^1</.test(args)) return [{ kind: 'say', text: (strings[0] ?? '').toString() }]
      return ours ? [written(path, sizes.get(path) ?? 0, strings[0], Number(answer), sizes)] : []
    case 'pwrite64':
      return ours ? [written(path, Number(numbers.at(-1)), strings[0], Number(answer), sizes)] : []
    case 'ftruncate':
      if (ours) sizes.set(path, Number(numbers.at(-1)))
      return ours ? [{ kind: 'truncate', path, size: Number(numbers.at(-1)) }] : []
    case 'fsync':
    case 'fdatasync':
      return ours ? [{ kind: failed ? 'sync_failed' : 'sync', path }] : []
    case 'openat':
    case 'open':
      return ours && args.includes('O_CREAT') ? [{ kind: 'create', path }] : []
    case 'unlink':
    case 'unlinkat':
      return removed(strings[0]?.toString() ?? '', directory)
    case 'rename': {
      const [from = '', to = ''] = strings.map(String)
      return from.startsWith(directory) ? [{ kind: 'rename', path: from, to }] : []
    }
    default:
      throw new Error(`the rebuilt disk knows no ${name}`)
  }
}

function written(
  path: string,
  offset: number,
  bytes: Buffer | undefined,
  count: number,
  sizes: Map<string, number>,
): DiskEvent {
  sizes.set(path, Math.max(sizes.get(path) ?? 0, offset + count))
  return { kind: 'write', path, offset, bytes: (bytes ?? Buffer.alloc(0)).subarray(0, count) }
}

function removed(path: string, directory: string): DiskEvent[] {
  return path.startsWith(directory) ? [{ kind: 'unlink', path }] : []
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex')
}

type Change = Extract<DiskEvent, { kind: 'write' | 'truncate' }>

interface File {
  durable: Buffer
  pending: Change[]
}

export type Survival = 'nothing' | 'everything' | 'anything'

export class Disk {
  #names = new Map<string, File>()
  #durableNames = new Map<string, File>()
  /** Names made and removed since their directory was synced, in order. */
  #pendingNames: { readonly path: string; readonly file: File | undefined }[] = []

  apply(event: DiskEvent): void {
    switch (event.kind) {
      case 'create':
        if (!this.#names.has(event.path)) this.#name(event.path, { durable: Buffer.alloc(0), pending: [] })
        return
      case 'write':
      case 'truncate':
        this.#names.get(event.path)?.pending.push(event)
        return
      case 'unlink':
        this.#name(event.path, undefined)
        return
      case 'rename':
        this.#name(event.to, this.#names.get(event.path))
        this.#name(event.path, undefined)
        return
      case 'sync_failed': {
        const file = this.#names.get(event.path)
        if (file) file.pending = []
        return
      }
      case 'sync':
        this.#sync(event.path)
    }
  }

  /** Writes what is found after a power loss now. */
  crash(directory: string, survival: Survival, random: () => number): void {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const names = new Map(this.#durableNames)
    const kept = { nothing: 0, everything: 1, anything: random() }[survival] * this.#pendingNames.length
    for (const { path, file } of this.#pendingNames.slice(0, Math.round(kept))) setName(names, path, file)
    for (const [path, file] of names) {
      writeFileSync(join(directory, basename(path)), afterCrash(file, survival, random))
    }
  }

  #name(path: string, file: File | undefined): void {
    setName(this.#names, path, file)
    this.#pendingNames.push({ path, file })
  }

  #sync(path: string): void {
    const file = this.#names.get(path)
    if (file) {
      file.durable = changed(file.durable, file.pending)
      file.pending = []
      return
    }
    for (const { path: name, file } of this.#pendingNames) {
      if (dirname(name) === path) setName(this.#durableNames, name, file)
    }
    this.#pendingNames = this.#pendingNames.filter(({ path: name }) => dirname(name) !== path)
  }
}

function setName(names: Map<string, File>, path: string, file: File | undefined): void {
  if (file) names.set(path, file)
  else names.delete(path)
}

function afterCrash({ durable, pending }: File, survival: Survival, random: () => number): Buffer {
  if (survival === 'nothing') return durable
  const kept = pending.flatMap((change) => (survival === 'everything' ? [change] : someOf(change, random)))
  return changed(durable, kept)
}

const sectorBytes = 512

/** All of it, nothing, or its first sectors. */
function someOf(change: Change, random: () => number): Change[] {
  const chance = random()
  if (chance < 0.4) return []
  if (change.kind === 'truncate' || chance < 0.8) return [change]
  const sectors = Math.floor((random() * change.bytes.length) / sectorBytes)
  return [{ ...change, bytes: change.bytes.subarray(0, sectors * sectorBytes) }]
}

/** What the file holds after those changes. Its bytes are copied once, however many there are. */
function changed(before: Buffer, changes: readonly Change[]): Buffer {
  let [size, largest] = [before.length, before.length]
  for (const change of changes) {
    size = change.kind === 'truncate' ? change.size : Math.max(size, change.offset + change.bytes.length)
    largest = Math.max(largest, size)
  }
  const after = Buffer.alloc(largest)
  before.copy(after)
  for (const change of changes) {
    if (change.kind === 'write') change.bytes.copy(after, change.offset)
    // What is cut off reads as zeros where the file grows again.
    else after.fill(0, change.size)
  }
  return after.subarray(0, size)
}
