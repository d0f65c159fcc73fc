// pg's client, made safe against whatever may answer at the other end, and saying how far it got.

import { isIP, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { ConnectionTarget } from '../core/connection-url.ts'
import { limits } from '../core/limits.ts'
import { requestCancel } from './cancel-request.ts'
import { createWireGuard } from './wire-guard.ts'

export interface ClientOptions {
  /** False for no TLS. */
  readonly ssl: ConnectionOptions | false
  /** Bytes the server may send in all, or in answer to one query where `renew` is called before each. */
  readonly maxBytes: number
}

export interface GuardedClient {
  readonly client: pg.Client
  /** How far the connection got; says what a timeout waited for. */
  readonly phase: ConnectPhase
  /** A new query begins: its answer may have `maxBytes` again. */
  renew(): void
  /** Closes the socket at once, whatever is under way. */
  destroy(): void
  /** Asks the server to end the query that is under way, then closes the socket. Never rejects. */
  abandon(): Promise<void>
}

export type ConnectPhase = 'resolving' | 'connecting' | 'encrypting' | 'opening' | 'open'

/** What pg's types leave out of its client. */
interface SessionKeyOfPg {
  /** Null until the session is open. */
  readonly processID: number | null
  readonly secretKey: number
}

/** The part of pg's connection that its types leave out. */
interface Wire {
  readonly stream: Socket
  on(event: 'connect' | 'sslconnect', listener: () => void): void
}

export function createGuardedClient(target: ConnectionTarget, options: ClientOptions): GuardedClient {
  const socket = new Socket()
  let phase: ConnectPhase = target.host.startsWith('/') || isIP(target.host) ? 'connecting' : 'resolving'
  const guard = createWireGuard(options.maxBytes)
  // Asked for TLS, a server answers with one byte. Only what comes after that are messages.
  guard.watch(socket, options.ssl ? 'bytes' : 'messages')

  const client = new pg.Client({
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    // As a function, so that an empty password is not looked for in PGPASSWORD and ~/.pgpass.
    password: () => target.password.reveal(),
    ssl: options.ssl,
    sslnegotiation: target.ssl.direct && options.ssl ? 'direct' : 'postgres',
    application_name: target.applicationName ?? 'flowkeep',
    ...(target.options === undefined ? {} : { options: target.options }),
    stream: () => socket,
    // A session that waits for long is not forgotten by a firewall unnoticed.
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.databaseKeepAliveMs,
  })
  // Errors reach us by the promises of connect() and query(); without a listener, a late one would be thrown.
  client.on('error', () => {})
  client.once('connect', () => {
    phase = 'open'
  })
  const wire = (client as unknown as { connection: Wire }).connection
  socket.once('lookup', () => {
    phase = 'connecting'
  })
  socket.once('connect', () => {
    phase = 'opening'
  })
  wire.on('sslconnect', () => {
    phase = 'encrypting'
    guard.watch(wire.stream, 'messages')
    wire.stream.once('secureConnect', () => {
      phase = 'opening'
    })
  })

  function destroy(): void {
    wire.stream.destroy()
    socket.destroy()
  }

  return {
    client,
    get phase() {
      return phase
    },
    renew: guard.renew,
    destroy,
    async abandon() {
      const { processID: processId, secretKey } = client as unknown as SessionKeyOfPg
      if (processId !== null && !socket.destroyed) await requestCancel({ ...target, processId, secretKey })
      destroy()
    },
  }
}
