// The only writer of fd 1. Asynchronous, one write in flight, each carrying what has gathered meanwhile, so that a
// reader that stands still never blocks the event loop. What a stuck write does to each side:
// - the flow is asked to pause (`flow` returns false) and loses nothing;
// - the supervisor's own records have a reserve beyond the flow's; past it they are dropped, counted, and reported.
// A record is never torn: where records must be dropped, the rest of one that is half out still follows.

import { write as writeFile } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { codeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { countRecords, Segment } from './segment.ts'

export interface LogSink {
  /** A record of the supervisor, with its newline. Taken whatever the flow has buffered, up to a reserve. */
  own(line: string): void
  /** Whole records of the flow, always taken (copied). False: pause the pipe until there is room. */
  flow(records: Buffer): boolean
  /** Called when, after `flow` returned false, half of the buffer is empty or stdout is gone. */
  onRoom(listener: () => void): void
  /** Called with the number of records dropped since the last call, once there is room to say so. */
  onDropped(listener: (lines: number) => void): void
  readonly droppedLines: number
  readonly bufferedBytes: number
  /** Nobody reads stdout any more: everything is dropped and counted, and the flow runs on. */
  readonly gone: boolean
  /** True when everything taken so far is out; false when some of it was dropped or the time is over. */
  flush(timeoutMs: number): Promise<boolean>
}

/** As `fs.write`; replaced in tests. */
export type Write = (
  fd: number,
  bytes: Buffer,
  done: (error: Error | null, bytesWritten: number) => void,
) => void

export interface SinkParts {
  readonly fd: number
  readonly clock: Pick<Clock, 'monotonicMs' | 'startTimer'>
  readonly write?: Write
}

/** After these, nothing that is written to the descriptor arrives ever again. */
const goneCodes = new Set(['EPIPE', 'EIO', 'EBADF', 'ENXIO', 'ECONNRESET', 'ENOTCONN'])

/** Empty segments kept for use again; more are left to the garbage collector. */
const sparesMax = 2

export function createLogSink(parts: SinkParts): LogSink {
  return new Sink(parts)
}

class Sink implements LogSink {
  readonly #fd: number
  readonly #clock: SinkParts['clock']
  readonly #write: Write
  /** In order; only the last one takes more. */
  #segments: Segment[] = [new Segment()]
  readonly #spares: Segment[] = []
  #ownBytes = 0
  /** A write, or the pause before one, is under way. */
  #isBusy = false
  #isFlowPaused = false
  #unreportedLines = 0
  #pauseMs = 0
  #failingSinceMs: number | undefined
  readonly #roomListeners: (() => void)[] = []
  readonly #droppedListeners: ((lines: number) => void)[] = []
  readonly #flushes = new Set<() => void>()
  droppedLines = 0
  bufferedBytes = 0
  gone = false

  constructor(parts: SinkParts) {
    this.#fd = parts.fd
    this.#clock = parts.clock
    this.#write = parts.write ?? ((fd, bytes, done) => writeFile(fd, bytes, 0, bytes.length, null, done))
  }

  own(line: string): void {
    const record = Buffer.from(line)
    const hasRoom =
      this.bufferedBytes + record.length <= limits.logBufferBytes ||
      this.#ownBytes + record.length <= limits.logOwnReserveBytes
    if (this.gone || !hasRoom) {
      this.#countDropped(1)
      return
    }
    this.#take(record, true)
  }

  flow(records: Buffer): boolean {
    if (this.gone) {
      this.#countDropped(countRecords(records))
      return true
    }
    this.#take(records, false)
    if (this.bufferedBytes > limits.logBufferBytes) this.#isFlowPaused = true
    return !this.#isFlowPaused
  }

  onRoom(listener: () => void): void {
    this.#roomListeners.push(listener)
  }

  onDropped(listener: (lines: number) => void): void {
    this.#droppedListeners.push(listener)
  }

  flush(timeoutMs: number): Promise<boolean> {
    const droppedBefore = this.droppedLines
    const isOut = (): boolean => !this.gone && this.bufferedBytes === 0 && this.droppedLines === droppedBefore
    if (this.gone || this.bufferedBytes === 0) return Promise.resolve(isOut())
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel()
        this.#flushes.delete(finish)
        resolve(isOut())
      }
      const timer = this.#clock.startTimer(timeoutMs, finish)
      this.#flushes.add(finish)
    })
  }

  #take(records: Buffer, isOwn: boolean): void {
    let left = records
    while (left.length > 0) {
      const segment = this.#segments.at(-1) as Segment
      const taken = segment.take(left)
      if (isOwn) segment.ownBytes += taken
      left = left.subarray(taken)
      if (left.length > 0) this.#segments.push(this.#spares.pop() ?? new Segment())
    }
    this.bufferedBytes += records.length
    if (isOwn) this.#ownBytes += records.length
    if (this.#isBusy) return
    this.#isBusy = true
    // Not at once: what else this turn of the event loop brings goes into the same write.
    setImmediate(() => this.#writeNext())
  }

  #writeNext(): void {
    const first = this.#segments[0] as Segment
    this.#isBusy = !first.isEmpty
    if (this.#isBusy) this.#write(this.#fd, first.waiting, (error, bytes) => this.#wrote(error, bytes))
  }

  #wrote(error: Error | null, bytes: number): void {
    if (error === null && bytes > 0) this.#progressed(bytes)
    else this.#failed(codeOf(error))
  }

  #progressed(bytes: number): void {
    this.#pauseMs = 0
    this.#failingSinceMs = undefined
    this.bufferedBytes -= bytes
    const first = this.#segments[0] as Segment
    const { ownBytes } = first
    first.advance(bytes)
    if (first.isEmpty) {
      this.#ownBytes -= ownBytes
      this.#dropEmptyFirst()
    }
    this.#tellRoom()
    this.#tellDropped()
    this.#writeNext()
    this.#settleFlushes()
  }

  #dropEmptyFirst(): void {
    if (this.#segments.length === 1) return
    const spare = this.#segments.shift() as Segment
    if (this.#spares.length < sparesMax) this.#spares.push(spare)
  }

  #failed(code: string | undefined): void {
    if (code !== undefined && goneCodes.has(code)) {
      this.gone = true
      this.#dropWaiting((first) => first.clear())
      return
    }
    if (code === undefined || code === 'EAGAIN') {
      this.#retry(limits.logFullPipePauseMs)
      return
    }
    const nowMs = this.#clock.monotonicMs()
    this.#failingSinceMs ??= nowMs
    if (nowMs - this.#failingSinceMs >= limits.logFailedWriteMs)
      this.#dropWaiting((first) => first.keepTornRecord())
    this.#retry(limits.logFailedWritePauseMs)
  }

  #retry(pauseMaxMs: number): void {
    this.#pauseMs = Math.min(pauseMaxMs, Math.max(1, this.#pauseMs * 2))
    this.#clock.startTimer(this.#pauseMs, () => this.#writeNext())
  }

  /** @param dropFrom what to drop of the first segment; the others go altogether */
  #dropWaiting(dropFrom: (first: Segment) => void): void {
    let lines = 0
    for (const segment of this.#segments) lines += countRecords(segment.waiting)
    const first = this.#segments[0] as Segment
    dropFrom(first)
    lines -= countRecords(first.waiting)
    this.#segments = [first]
    this.bufferedBytes = first.waiting.length
    this.#ownBytes = first.ownBytes
    this.#countDropped(lines)
    this.#tellRoom()
    this.#settleFlushes()
  }

  #countDropped(lines: number): void {
    this.droppedLines += lines
    this.#unreportedLines += lines
  }

  #tellRoom(): void {
    if (!this.#isFlowPaused || this.bufferedBytes > limits.logBufferBytes / 2) return
    this.#isFlowPaused = false
    for (const listener of this.#roomListeners) listener()
  }

  #tellDropped(): void {
    if (this.#unreportedLines === 0 || this.bufferedBytes > limits.logBufferBytes / 2) return
    const lines = this.#unreportedLines
    this.#unreportedLines = 0
    for (const listener of this.#droppedListeners) listener(lines)
  }

  #settleFlushes(): void {
    if (this.gone || this.bufferedBytes === 0) for (const finish of [...this.#flushes]) finish()
  }
}
