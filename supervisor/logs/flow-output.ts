// Both streams of the flow, generation after generation, on their way to the sink.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import { createFlowPump, type FlowPump } from './pump.ts'
import type { LogSink } from './sink.ts'

export interface FlowOutputParts {
  readonly sink: LogSink
  readonly clock: Pick<Clock, 'wallMs'>
  readonly service: string
  readonly instance: string
  counted(stream: Stream, lines: number): void
}

type Stream = 'stdout' | 'stderr'

/** What one pipe of the flow is read into. */
export interface StreamSink {
  /** False: pause the pipe until the room listener is called. */
  push(chunk: Buffer): boolean
  onRoom(resume: () => void): void
  end(): void
}

export interface FlowOutput {
  /** Sinks for the pipes of a new generation; those of the one before drain to their end. */
  open(): { stdout: StreamSink; stderr: StreamSink }
  /** The latest lines of the current generation, what it wrote to stderr last. */
  lastLines(): string[]
  readonly lines: number
}

export function createFlowOutput(parts: FlowOutputParts): FlowOutput {
  const { sink, clock, service, instance } = parts
  const waiting = new Set<() => void>()
  sink.onRoom(() => {
    for (const resume of waiting) resume()
  })
  let pumps: FlowPump[] = []
  let total = 0

  function openStream(stream: Stream): StreamSink {
    const counted = (lines: number) => {
      total += lines
      parts.counted(stream, lines)
    }
    const pump = createFlowPump({ sink, clock, stream, service, instance, counted })
    pumps.push(pump)
    let resumePipe: (() => void) | undefined
    return {
      push: (chunk) => pump.push(chunk),
      onRoom(resume) {
        resumePipe = resume
        waiting.add(resume)
      },
      end() {
        pump.end()
        if (resumePipe) waiting.delete(resumePipe)
      },
    }
  }

  return {
    open() {
      pumps = []
      return { stdout: openStream('stdout'), stderr: openStream('stderr') }
    },
    lastLines: () => pumps.flatMap((pump) => pump.lastLines()).slice(-limits.lastLogLines),
    get lines() {
      return total
    },
  }
}
