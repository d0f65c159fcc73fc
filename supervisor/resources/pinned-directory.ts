// A directory that is reached without following any symbolic link and held open: what is done in it goes through its
// descriptor (`/proc/self/fd/N/name`, since Node.js has no openat), so that nobody can swap it for another meanwhile.
// A file system mounted inside, also one of the same device, is not entered.

import { constants, type Dirent } from 'node:fs'
import { type FileHandle, lstat, open, opendir, readFile, unlink } from 'node:fs/promises'
import { codeOf } from '../core/errors.ts'

const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Enough to pass through, also where it cannot be listed. Node.js has no name for it. */
const passingFlags = 0o10000000 | constants.O_DIRECTORY | constants.O_NOFOLLOW

export interface EntryStat {
  readonly isFile: boolean
  readonly isDirectory: boolean
  /** `device:inode` */
  readonly identity: string
  /** When somebody last wrote or read it, wall-clock ms. Unpacked and copied files keep their old time of writing. */
  readonly usedMs: number
  /** Given back when it is removed: 0 while it has another name elsewhere. */
  readonly freesBytes: number
}

export class PinnedDirectory {
  readonly #handle: FileHandle
  readonly #mount: string
  /** `device:inode` */
  readonly identity: string
  readonly device: string

  private constructor(handle: FileHandle, mount: string, device: string, identity: string) {
    this.#handle = handle
    this.#mount = mount
    this.device = device
    this.identity = identity
  }

  /**
   * Opens one component after the other from the root.
   * @param path absolute and normal
   * @throws what the system says; `ELOOP` or `ENOTDIR` where a symbolic link stands on the way
   */
  static async open(path: string): Promise<PinnedDirectory> {
    const names = path.split('/').filter((part) => part !== '')
    const last = names.pop() ?? '.'
    let handle = await open('/', passingFlags)
    for (const name of names) {
      const inner = open(`/proc/self/fd/${handle.fd}/${name}`, passingFlags)
      handle = await inner.finally(() => handle.close())
    }
    const inner = open(`/proc/self/fd/${handle.fd}/${last}`, flags)
    handle = await inner.finally(() => handle.close())
    return PinnedDirectory.#take(handle)
  }

  static async #take(handle: FileHandle): Promise<PinnedDirectory> {
    try {
      const [{ dev, ino }, mount] = await Promise.all([handle.stat({ bigint: true }), mountOf(handle.fd)])
      return new PinnedDirectory(handle, mount, String(dev), `${dev}:${ino}`)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Undefined where it is none any more, cannot be read, or lies on another mount. */
  async enter(name: Buffer): Promise<PinnedDirectory | undefined> {
    let inner: PinnedDirectory
    try {
      inner = await PinnedDirectory.#take(await open(this.#pathOf(name), flags))
    } catch (error) {
      if (gone.has(codeOf(error) ?? '')) return undefined
      throw error
    }
    if (inner.#mount === this.#mount) return inner
    await inner.close()
    return undefined
  }

  /** In no order. */
  async *entries(): AsyncGenerator<Buffer> {
    const directory = await opendir(`/proc/self/fd/${this.#handle.fd}`, { encoding: 'buffer' as 'utf8' })
    for await (const { name } of directory as unknown as AsyncIterable<Dirent<Buffer>>) yield name
  }

  /** Of the entry itself, also where it is a link. Undefined when it is gone. */
  async look(name: Buffer): Promise<EntryStat | undefined> {
    try {
      const found = await lstat(this.#pathOf(name), { bigint: true })
      return {
        isFile: found.isFile(),
        isDirectory: found.isDirectory(),
        identity: `${found.dev}:${found.ino}`,
        usedMs: Number(found.mtimeMs > found.atimeMs ? found.mtimeMs : found.atimeMs),
        freesBytes: found.nlink > 1n ? 0 : Number(found.blocks) * 512,
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Removes the name, never what a link points to. */
  remove(name: Buffer): Promise<void> {
    return unlink(this.#pathOf(name))
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  #pathOf(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#handle.fd}/`), name])
  }
}

/** Swapped for something else, or removed, since it was listed. */
const gone: ReadonlySet<string> = new Set(['ENOENT', 'ELOOP', 'ENOTDIR'])

/** Tells apart what the device's number cannot: a bind mount of the same file system. */
async function mountOf(fd: number): Promise<string> {
  return /^mnt_id:\s*(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 'unknown'
}
