// pg's client, made safe against whatever may answer at the other end, and saying how far it got.

import { isIP, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { ConnectionTarget } from '../core/connection-url.ts'
import { createWireGuard } from './wire-guard.ts'

export interface ClientOptions {
  /** False for no TLS. */
  readonly ssl: ConnectionOptions | false
  /** Bytes the server may send in all. */
  readonly maxBytes: number
}

export interface GuardedClient {
  readonly client: pg.Client
  /** How far the connection got; says what a timeout waited for. */
  readonly phase: ConnectPhase
  /** Closes the socket at once, whatever is under way. */
  destroy(): void
}

export type ConnectPhase = 'resolving' | 'connecting' | 'encrypting' | 'opening' | 'open'

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
  guard(socket, options.ssl ? 'bytes' : 'messages')

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
    guard(wire.stream, 'messages')
    wire.stream.once('secureConnect', () => {
      phase = 'opening'
    })
  })

  return {
    client,
    get phase() {
      return phase
    },
    destroy() {
      wire.stream.destroy()
      socket.destroy()
    },
  }
}
