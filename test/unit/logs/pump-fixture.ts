// A pump whose records are collected, for tests.

import { isUtf8 } from 'node:buffer'
import { createFlowPump, type FlowPump } from '../../../supervisor/logs/pump.ts'

export interface FlowRecord {
  readonly [field: string]: unknown
  readonly message: string
}

export interface Rig {
  readonly pump: FlowPump
  writtenBytes(): number
  /** What came out, line by line, without the newlines. */
  lines(): string[]
  records(): FlowRecord[]
  /** What the sink answers from now on. */
  hasRoom: boolean
  readonly counted: number[]
}

export const readAtMs = Date.parse('2030-01-01T00:00:00.000Z')

export function createRig(options: { stream?: 'stdout' | 'stderr'; instance?: string } = {}): Rig {
  const blocks: Buffer[] = []
  const counted: number[] = []
  const rig: Rig = {
    hasRoom: true,
    counted,
    pump: createFlowPump({
      sink: {
        flow(records) {
          blocks.push(Buffer.from(records)) // the pump uses its own again
          return rig.hasRoom
        },
      },
      clock: { wallMs: () => readAtMs },
      stream: options.stream ?? 'stdout',
      service: 'flow1',
      instance: options.instance ?? 'host-1',
      counted: (lines) => counted.push(lines),
    }),
    writtenBytes: () => blocks.reduce((sum, { length }) => sum + length, 0),
    lines() {
      const written = Buffer.concat(blocks)
      if (!isUtf8(written)) throw new Error('not UTF-8')
      return written.toString('utf8').split('\n').slice(0, -1)
    },
    records: () => rig.lines().map((line): FlowRecord => JSON.parse(line)),
  }
  return rig
}

/** Pushes the bytes in pieces of the given sizes (repeated), and ends. */
export function pumpAll(rig: Rig, bytes: Buffer, sizes: readonly number[] = [bytes.length || 1]): void {
  let at = 0
  for (let piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece % sizes.length] as number
    rig.pump.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  rig.pump.end()
}

export function recordsOf(text: string | Buffer, options?: Parameters<typeof createRig>[0]): FlowRecord[] {
  const rig = createRig(options)
  pumpAll(rig, Buffer.from(text))
  return rig.records()
}

/** The lines as they were, with parts put together again. */
export function reassemble(records: readonly FlowRecord[]): string[] {
  const lines: string[] = []
  let expected = 1
  for (const { message, part, last } of records) {
    if (part === undefined || part === 1) lines.push(message)
    else lines[lines.length - 1] += message
    if (part !== undefined && part !== expected) throw new Error(`part ${part} where ${expected} was due`)
    expected = part === undefined || last === true ? 1 : expected + 1
  }
  if (expected !== 1) throw new Error(`no last part after ${expected - 1}`)
  return lines
}
