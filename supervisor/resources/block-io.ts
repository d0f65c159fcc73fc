// What the container has read from and written to block devices.

import { readText } from './cgroup-files.ts'
import type { CgroupDirectory } from './cgroup-paths.ts'

export interface BlockIo {
  readonly readBytes: number | undefined
  readonly writtenBytes: number | undefined
}

const unknown: BlockIo = { readBytes: undefined, writtenBytes: undefined }

export function readBlockIo(blkio: CgroupDirectory | undefined): BlockIo {
  if (blkio?.version === 2) return ofVersion2(readText(blkio, 'io.stat'))
  const recursive = readText(blkio, 'blkio.throttle.io_service_bytes_recursive')
  return ofVersion1(recursive ?? readText(blkio, 'blkio.throttle.io_service_bytes'))
}

/** `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0`, a line for each device. */
function ofVersion2(text: string | undefined): BlockIo {
  if (text === undefined) return unknown
  return { readBytes: sum(text, / rbytes=(\d+)/g), writtenBytes: sum(text, / wbytes=(\d+)/g) }
}

/** `8:16 Read 1459200`, and `Total 0` alone as long as there was none. */
function ofVersion1(text: string | undefined): BlockIo {
  if (text === undefined) return unknown
  return {
    readBytes: sum(text, /^\d+:\d+ Read (\d+)$/gm),
    writtenBytes: sum(text, /^\d+:\d+ Write (\d+)$/gm),
  }
}

function sum(text: string, figure: RegExp): number {
  return [...text.matchAll(figure)].reduce((total, [, bytes]) => total + Number(bytes), 0)
}
