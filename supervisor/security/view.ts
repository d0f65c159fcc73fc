// What the checks may look at: /proc, /sys and the file system, of this container or of a recorded one in a test.
// A look that fails says so by throwing `Unreadable`: what cannot be seen is unknown, and never passes for good.

export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'block' | 'character' | 'other'

export interface FileFacts {
  readonly kind: FileKind
  /** Permissions with setuid, setgid and sticky: `0o4755`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The file system it lies on. */
  readonly device: number
  /** Of a device file, else 0. */
  readonly major: number
  readonly minor: number
}

export interface Entry {
  readonly name: string
  readonly facts: FileFacts
}

export interface View {
  /** A whole file. Throws `Unreadable`, also where there is none. */
  text(path: string): string
  /** What a symbolic link says. Throws `Unreadable`. */
  link(path: string): string
  /** Names in a directory; none where there is no directory. Throws `Unreadable`. */
  names(directory: string): readonly string[]
  /** Undefined where there is nothing. Follows no link at the end. Throws `Unreadable`. */
  lstat(path: string): FileFacts | undefined
  /** The same of what a link leads to. */
  stat(path: string): FileFacts | undefined
  /** At most `most` of what lies in a directory, and whether that is all. Rejects with `Unreadable`. */
  entries(
    directory: string,
    most: number,
  ): Promise<{ readonly entries: readonly Entry[]; readonly all: boolean }>
  /** Whether this process may enter a directory. */
  mayEnter(directory: string): Promise<boolean>
  /** Whether this process may write to it, read-only mounts considered. Rejects with `Unreadable`. */
  mayWrite(path: string): Promise<boolean>
}

export class Unreadable extends Error {
  /** `ENOENT`, `EACCES` */
  readonly code: string

  constructor(path: string, code: string) {
    super(`cannot read ${path}: ${code}`)
    this.name = 'Unreadable'
    this.code = code
  }
}
