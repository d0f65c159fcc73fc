// Asks a server to end what it does for a session nobody waits for any more, so that it does not go on holding locks.
// The request is a connection of its own, for which servers ask neither TLS nor a password. Best effort.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS

import { connect } from 'node:net'
import { limits } from '../core/limits.ts'

export interface SessionKey {
  readonly host: string
  readonly port: number
  readonly processId: number
  readonly secretKey: number
}

const cancelRequestCode = 80_877_102

/** Resolves when the server has taken the request, or cannot be had, or a moment has passed. */
export function requestCancel({ host, port, processId, secretKey }: SessionKey): Promise<void> {
  const request = Buffer.alloc(16)
  request.writeInt32BE(request.length, 0)
  request.writeInt32BE(cancelRequestCode, 4)
  request.writeInt32BE(processId, 8)
  request.writeInt32BE(secretKey, 12)
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port })
  const timer = setTimeout(() => socket.destroy(), limits.databaseGoodbyeMs)
  socket
    .on('error', () => {})
    .once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  // The server answers nothing and hangs up.
  socket.resume().end(request)
  return promise
}
