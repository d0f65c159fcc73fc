// Stands between a socket and pg's protocol parser. That parser believes any length a header announces, up to 4 GiB;
// loops for ever on an error message without its terminator; and throws out of the socket's `data` event when a message
// is cut short, which would end this process. So each message is looked at before pg sees it, and the sum of what comes
// in answer to one question is bounded.

import type { Socket } from 'node:net'

/** What the server sent cannot be PostgreSQL's protocol, or is too much of it. */
export class ProtocolError extends Error {}

/** `bytes` are only counted; `messages` must have the protocol's form. */
export type WireContent = 'bytes' | 'messages'

export interface WireGuard {
  watch(stream: Socket, content: WireContent): void
  /** A new question begins: its answer may have all the bytes again. */
  renew(): void
}

const headerBytes = 5
const errorResponse = 0x45
const noticeResponse = 0x4e

/** A guard for the streams of one connection, which may send `maxBytes` in all until it is renewed. */
export function createWireGuard(maxBytes: number): WireGuard {
  let received = 0
  function watch(stream: Socket, content: WireContent): void {
    const scan = createMessageScanner(maxBytes)
    const emit = stream.emit.bind(stream) as (event: string | symbol, ...values: unknown[]) => boolean
    const deliver = (chunk: Buffer) => {
      received += chunk.length
      if (received > maxBytes) throw new ProtocolError(`more than ${maxBytes} bytes`)
      if (content === 'messages') scan(chunk)
      emit('data', chunk)
    }
    const guarded = (event: string | symbol, ...values: unknown[]) => {
      if (event !== 'data') return emit(event, ...values)
      try {
        if (!stream.destroyed) deliver(values[0] as Buffer)
      } catch (error) {
        stream.destroy(
          error instanceof ProtocolError ? error : new ProtocolError('a malformed message', { cause: error }),
        )
      }
      return true
    }
    stream.emit = guarded as typeof stream.emit
  }
  return {
    watch,
    renew() {
      received = 0
    },
  }
}

/** Throws a ProtocolError as soon as what it was given cannot be a sequence of backend messages. */
export function createMessageScanner(maxBytes: number): (chunk: Buffer) => void {
  /** What has come of a header or of an error message. Other messages pass without being kept. */
  let kept: Buffer = Buffer.alloc(0)
  let bytesToPass = 0
  return (chunk) => {
    const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
    let at = 0
    for (;;) {
      const passed = Math.min(bytesToPass, bytes.length - at)
      bytesToPass -= passed
      at += passed
      if (bytesToPass > 0 || bytes.length - at < headerBytes) break
      // The length counts itself, but not the type in front of it.
      const length = bytes.readUInt32BE(at + 1)
      if (length < 4 || length > maxBytes) throw new ProtocolError(`a message of ${length} bytes`)
      const type = bytes[at]
      const end = at + 1 + length
      if (type !== errorResponse && type !== noticeResponse) {
        at += headerBytes
        bytesToPass = length - 4
        continue
      }
      if (end > bytes.length) break
      checkFields(bytes.subarray(at + headerBytes, end))
      at = end
    }
    kept = bytes.subarray(at)
  }
}

/** Fields of one letter and a zero-terminated text each, and a zero after the last one. */
function checkFields(body: Buffer): void {
  let at = 0
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1)
    if (end === -1) break
    at = end + 1
  }
  if (at !== body.length - 1 || body[at] !== 0) throw new ProtocolError('an error message without its end')
}
