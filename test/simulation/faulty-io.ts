// What the store's disk does while the store is at it. The stand-ins for `node:sqlite` and `node:fs` ask here before each
// write; everything happens in one thread, so the disk in question is whoever is at work.

export interface FaultyDisk {
  /** Asked before each write. What is returned is thrown, with `after` once the write has been done. */
  failureOf(sql: string): { readonly errcode: number; readonly after: boolean } | undefined
  /** Asked before each read and each opening. */
  readonly isGone: boolean
  readonly freeBytes: number
}

/** https://www.sqlite.org/rescode.html */
export const ioError = 10
export const full = 13
export const cannotOpen = 14

let atWork: FaultyDisk | undefined

export function during<T>(disk: FaultyDisk, work: () => T): T {
  atWork = disk
  try {
    return work()
  } finally {
    atWork = undefined
  }
}

export function freeBytes(): number {
  return atWork?.freeBytes ?? Number.MAX_SAFE_INTEGER
}

export function read<T>(perform: () => T): T {
  if (atWork?.isGone) throw failure(ioError)
  return perform()
}

export function open(): void {
  if (atWork?.isGone) throw failure(cannotOpen)
}

export function write<T>(sql: string, perform: () => T): T {
  const fails = atWork?.failureOf(sql)
  if (fails === undefined) return perform()
  if (fails.after) perform()
  throw failure(fails.errcode)
}

function failure(errcode: number): Error {
  return Object.assign(new Error(`simulated failure ${errcode}`), { code: 'ERR_SQLITE_ERROR', errcode })
}
