// Reads bodies so that all requests together never hold more than they may: a container has little memory, and who
// fills it takes the supervisor down with it. A request that finds no room is told to come back.

import type { IncomingMessage } from 'node:http'
import { limits } from '../core/limits.ts'
import { RequestError } from './envelope.ts'

/** Hands the whole body to `use`; its bytes are counted until that has returned. */
export type ReadBody = <T>(request: IncomingMessage, use: (body: Buffer) => T) => Promise<T>

export function createBodyReader(): ReadBody {
  let heldBytes = 0
  return async (request, use) => {
    if (Number(request.headers['content-length']) > limits.controlBodyBytes) throw tooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      for await (const chunk of chunksOf(request)) {
        if (bytes + chunk.length > limits.controlBodyBytes) throw tooLarge()
        if (heldBytes + chunk.length > limits.controlBodiesBytes) throw noRoom()
        bytes += chunk.length
        heldBytes += chunk.length
        chunks.push(chunk)
      }
      return use(Buffer.concat(chunks))
    } finally {
      heldBytes -= bytes
    }
  }
}

async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    // What is not read any more is left to Node.js, so that a refusal still arrives.
    yield* request.iterator({ destroyOnReturn: false })
  } catch (error) {
    throw Object.assign(new Error('the body ended too early', { cause: error }), { statusCode: 400 })
  }
}

function tooLarge(): RequestError {
  return new RequestError({
    code: 'operation_too_large',
    message: `the body is larger than ${limits.controlBodyBytes} bytes`,
    field: 'body',
    hint: 'Send less in one request.',
  })
}

function noRoom(): RequestError {
  return new RequestError({
    code: 'queue_full',
    message: `requests under way hold ${limits.controlBodiesBytes} bytes already`,
    hint: 'Wait for their answers before more is sent.',
  })
}
