// A slot on a tmpfs with the real store in it. A kill leaves its files as they are; a power loss may besides cut or
// scramble what the last write added to the log before anybody was told that it is safe.

import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { journalOver } from '../../supervisor/queue/journal/client.ts'
import type { Call, Outcome, Store, StoreOptions } from '../../supervisor/queue/journal/store.ts'
import type { CreateDisk, Disk, DiskClock, DiskParts } from './disk.ts'
import { during, type FaultyDisk, full, ioError } from './faulty-io.ts'
import { importVariant, type Mutation } from './mutant.ts'
import type { Random } from './random.ts'

const walFile = 'journal.db-wal'
const markFile = 'journal.mark'
const ballastFile = 'ballast'
const ballastBytes = 4096
const sectorBytes = 512

/** What the files were before the write whose answer is not out. */
interface Before {
  readonly walBytes: number
  readonly mark: Buffer | undefined
}

type StoreClass = new (options: StoreOptions, clock: DiskClock) => Store

/** The store as it ships, or with a planted bug, over a disk that can fail. */
export async function loadStoreDisk(mutation?: Mutation): Promise<CreateDisk> {
  const standIns = {
    'node:sqlite': new URL('./faulty-sqlite.ts', import.meta.url).href,
    'node:fs': new URL('./faulty-fs.ts', import.meta.url).href,
  }
  const module = (await importVariant('queue/journal/store.ts', { mutation, standIns })) as {
    Store: StoreClass
  }
  return (parts) => createStoreDisk(module.Store, parts)
}

function createStoreDisk(StoreClass: StoreClass, { random, volume, maxOperations, bite }: DiskParts): Disk {
  const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flowkeep-simulation-'))
  let lives = 0
  let directory = join(root, '0')
  let store: Store | undefined
  let before: Before | undefined
  mkdirSync(directory)
  const storeOptions = { maxOperations, maxBytes: 1024 ** 3, ballastBytes, diskFloorBytes: 1 }

  const faulty: FaultyDisk = {
    failureOf(sql) {
      const failure = volume.failureOf(true)
      if (failure !== undefined) {
        bite('io_error')
        return {
          errcode: failure === 'full' ? full : ioError,
          after: failure === 'after' && sql === 'COMMIT',
        }
      }
      // What the ballast gave up is room enough.
      if (!volume.full || !existsSync(join(directory, ballastFile))) return undefined
      bite('disk_full')
      return { errcode: full, after: false }
    },
    get isGone() {
      if (volume.gone) bite('io_error')
      return volume.gone
    },
    get freeBytes() {
      return volume.full && told() ? 0 : Number.MAX_SAFE_INTEGER
    },
  }

  /** A disk that fills up is not always seen to before a write fails. */
  function told(): boolean {
    return random.chance(0.7)
  }

  /** The files go on in another directory; what the dead process still has open is of no use to it. */
  function moveOut(): void {
    const old = directory
    directory = join(root, String(++lives))
    mkdirSync(directory)
    for (const name of readdirSync(old)) {
      const place = name === ballastFile ? linkSync : copyFileSync
      place(join(old, name), join(directory, name))
    }
    store?.close()
    store = undefined
    rmSync(old, { recursive: true })
  }

  function losePower({ walBytes, mark }: Before): void {
    const path = join(directory, walFile)
    const afterBytes = sizeOf(path)
    if (afterBytes <= walBytes || random.chance(0.3)) return
    bite('torn_write')
    if (mark === undefined) rmSync(join(directory, markFile), { force: true })
    else writeFileSync(join(directory, markFile), mark)
    if (random.chance(0.5)) truncateSync(path, random.between(walBytes, afterBytes - 1))
    else scramble(path, walBytes, afterBytes, random)
  }

  return {
    failureOf: () => undefined,
    async open(clock) {
      const opened = during(faulty, () => new StoreClass({ ...storeOptions, directory }, clock))
      store = opened
      return journalOver(grouped(opened, faulty))
    },
    beginWrite() {
      before = { walBytes: sizeOf(join(directory, walFile)), mark: readIfThere(join(directory, markFile)) }
    },
    answered() {
      before = undefined
    },
    crash(kind) {
      moveOut()
      if (kind === 'power_loss' && before !== undefined) losePower(before)
      before = undefined
    },
    remove() {
      store?.close()
      rmSync(root, { recursive: true })
    },
  }
}

/** Calls made in one go are one transaction, as the worker makes them. */
function grouped(store: Store, faulty: FaultyDisk): Parameters<typeof journalOver>[0] {
  let waiting: { readonly call: Call; readonly settle: (outcome: Outcome) => void }[] = []

  function perform(): void {
    const group = waiting
    waiting = []
    const outcomes = during(faulty, () => store.batch(group.map(({ call }) => call)))
    group.forEach(({ settle }, index) => {
      settle(outcomes[index] ?? { ok: false, error: new Error('no outcome') })
    })
  }

  return {
    get figures() {
      if (store.figures.diskFull || store.figures.failing !== undefined)
        during(faulty, () => store.refreshDisk())
      return store.figures
    },
    call(method, ...args) {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) queueMicrotask(perform)
        waiting.push({
          call: { method, args } as Call,
          settle: (outcome) => (outcome.ok ? resolve(outcome.value as never) : reject(outcome.error)),
        })
      })
    },
    close: async () => during(faulty, () => store.close()),
  }
}

/** A disk writes sectors in any order: each of the new ones may be missing. */
function scramble(path: string, fromBytes: number, toBytes: number, random: Random): void {
  const fd = openSync(path, 'r+')
  const nothing = Buffer.alloc(sectorBytes)
  for (let at = fromBytes - (fromBytes % sectorBytes); at < toBytes; at += sectorBytes) {
    if (!random.chance(0.5)) continue
    const start = Math.max(at, fromBytes)
    writeSync(fd, nothing, 0, Math.min(at + sectorBytes, toBytes) - start, start)
  }
  closeSync(fd)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function readIfThere(path: string): Buffer | undefined {
  return existsSync(path) ? readFileSync(path) : undefined
}
