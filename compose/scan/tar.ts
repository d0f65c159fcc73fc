// Reads a tar archive as it streams by: names, kinds, permissions, and the bodies somebody asks for.
// ustar with the extensions of GNU and POSIX (pax), which is all that image layers use.

export interface TarEntry {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly mode: number
  readonly uid: number
  readonly size: number
}

export interface Sink {
  push(chunk: Buffer): void
  end(): void
}

const block = 512
const extensionBytesMax = 1024 * 1024

/** @param open called for each entry; what it answers gets the entry's body */
export function createTarReader(open: (entry: TarEntry) => Sink | undefined): Sink {
  let pending = Buffer.alloc(0)
  let left = 0
  let padding = 0
  let sink: Sink | undefined
  /** What an extension said about the next entry. */
  let next: { path?: string; size?: number } = {}

  function push(chunk: Buffer): void {
    let rest = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk
    pending = Buffer.alloc(0)
    while (rest.length > 0) {
      if (left > 0) {
        const part = rest.subarray(0, left)
        sink?.push(part)
        left -= part.length
        rest = rest.subarray(part.length)
        if (left === 0) close()
      } else if (padding > 0) {
        const skipped = Math.min(padding, rest.length)
        padding -= skipped
        rest = rest.subarray(skipped)
      } else if (rest.length >= block) {
        header(rest.subarray(0, block))
        rest = rest.subarray(block)
      } else {
        pending = Buffer.from(rest)
        return
      }
    }
  }

  function close(): void {
    sink?.end()
    sink = undefined
  }

  function header(bytes: Buffer): void {
    // Two empty blocks are the end.
    if (bytes[0] === 0) return
    const type = String.fromCharCode(bytes[156] ?? 0)
    const size = next.size ?? numberAt(bytes, 124, 12)
    left = size
    padding = (block - (size % block)) % block
    if (type === 'x' || type === 'L') sink = extension(type)
    else if (type === 'g' || type === 'K') sink = undefined
    else {
      const prefix = bytes.toString('latin1', 257, 262) === 'ustar' ? textAt(bytes, 345, 155) : ''
      const name = textAt(bytes, 0, 100)
      const path = next.path ?? (prefix ? `${prefix}/${name}` : name)
      next = {}
      sink = open({
        path: path.replace(/^\.?\/+/, '').replace(/\/$/, ''),
        kind: kinds[type] ?? 'other',
        mode: numberAt(bytes, 100, 8),
        uid: numberAt(bytes, 108, 8),
        size,
      })
    }
    if (left === 0) close()
  }

  function extension(type: 'x' | 'L'): Sink {
    const body = collect(extensionBytesMax, (whole) => {
      if (type === 'L') next.path = whole.toString().replace(/\0[\s\S]*$/, '')
      else Object.assign(next, paxOf(whole))
    })
    return body
  }

  return { push, end: () => {} }
}

const kinds: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'link',
  '2': 'link',
  '5': 'folder',
}

/** Keeps the first bytes of a body and hands them on at its end. */
export function collect(bytesMax: number, done: (whole: Buffer) => void): Sink {
  const chunks: Buffer[] = []
  let bytes = 0
  return {
    push(chunk) {
      if (bytes < bytesMax) chunks.push(Buffer.from(chunk.subarray(0, bytesMax - bytes)))
      bytes += chunk.length
    },
    end: () => done(Buffer.concat(chunks)),
  }
}

/** Lines `LENGTH NAME=VALUE`. */
function paxOf(whole: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {}
  for (let at = 0; at < whole.length; ) {
    const space = whole.indexOf(0x20, at)
    const length = Number(whole.toString('latin1', at, space))
    if (space === -1 || !(length > 0)) break
    const [name, ...value] = whole.toString('utf8', space + 1, at + length - 1).split('=')
    if (name === 'path') found.path = value.join('=')
    if (name === 'size') found.size = Number(value.join('='))
    at += length
  }
  return found
}

function textAt(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? length : end)
}

/** Octal; large numbers are binary with the first bit set. */
function numberAt(bytes: Buffer, start: number, length: number): number {
  if (((bytes[start] ?? 0) & 0x80) !== 0) return Number(bytes.readBigUInt64BE(start + length - 8))
  return Number.parseInt(textAt(bytes, start, length).trim() || '0', 8) || 0
}
