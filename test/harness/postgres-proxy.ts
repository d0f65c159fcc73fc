// Stands between a PostgreSQL client and its server and knows enough of the protocol to fail at a chosen moment: before
// a query arrives, while it runs, or when it is done and only its answer is missing. Speaks no TLS (sslmode=disable).

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { PostgresServer } from './postgres.ts'

export interface PostgresProxy {
  readonly port: number
  /** Connections open at the moment. */
  readonly open: number
  url(database?: string): string
  /** The next query that matches never arrives: both ends are cut instead. Resolves when that has happened. */
  cutBeforeQuery(query: RegExp): Promise<void>
  /** The next query that matches arrives, and both ends are cut at once. Resolves when that has happened. */
  cutDuringQuery(query: RegExp): Promise<void>
  /** The next query that matches is done by the server, whose answer is thrown away and the client cut off. */
  swallowAnswer(query: RegExp): Promise<void>
  /** From now on nothing passes, in either direction, and new connections are accepted in silence. */
  blackHole(): void
  /** New connections are closed at once, open ones are cut. */
  refuse(): void
  /** Everything passes again. What stood in a black hole is cut off. */
  heal(): void
  /** From now on a round trip takes this much longer. */
  delay(roundTripMs: number): void
  /** Cuts every connection now, and again each time as many ms have passed, until `heal`. */
  flap(everyMs: number): void
  close(): Promise<void>
}

type Fate = 'before' | 'during' | 'swallow'

interface Trap {
  readonly query: RegExp
  readonly fate: Fate
  sprung(): void
}

interface Link {
  readonly client: Socket
  readonly server: Socket
  /** Its answer is thrown away: the trap that says so. */
  swallowing?: Trap
}

export async function startPostgresProxy(
  database: Pick<PostgresServer, 'host' | 'port' | 'user' | 'password'>,
): Promise<PostgresProxy> {
  const links = new Set<Link>()
  const silent = new Set<Socket>()
  const traps: Trap[] = []
  let state: 'passing' | 'silent' | 'refusing' = 'passing'
  let oneWayMs = 0
  let flapping: NodeJS.Timeout | undefined

  const listener = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {})
    if (state === 'refusing') return void client.destroy()
    if (state === 'silent') {
      silent.add(client)
      return void client.resume().once('close', () => silent.delete(client))
    }
    open(client)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }

  function open(client: Socket): void {
    const server = connect({ host: database.host, port: database.port, noDelay: true })
    const link: Link = { client, server }
    links.add(link)
    const cut = () => {
      links.delete(link)
      client.destroy()
      server.destroy()
    }
    server.on('error', () => {}).once('close', cut)
    client.once('close', cut)
    const toServer = pass(server)
    const toClient = pass(client)
    const requests = createRequestReader((query) => traps.find((trap) => trap.query.test(query)))
    client.on('data', (chunk: Buffer) => {
      if (state === 'silent') return
      const trap = requests(chunk)
      if (trap) traps.splice(traps.indexOf(trap), 1)
      if (trap?.fate === 'swallow') link.swallowing = trap
      if (trap?.fate === 'before') {
        cut()
        trap.sprung()
      } else if (trap?.fate === 'during') {
        // Whole, and then the end of the stream: the server reads it all before it notices.
        server.end(chunk)
        client.destroy()
        trap.sprung()
      } else toServer(chunk)
    })
    const isReady = createReadyDetector()
    server.on('data', (chunk: Buffer) => {
      if (state === 'silent') return
      const ready = isReady(chunk)
      if (!link.swallowing) return toClient(chunk)
      if (!ready) return
      cut()
      link.swallowing.sprung()
    })
  }

  /** Writes now, or after the delay; the order stays. */
  function pass(to: Socket): (chunk: Buffer) => void {
    return (chunk) => {
      if (oneWayMs === 0) return void to.write(chunk)
      setTimeout(() => {
        if (state !== 'silent' && !to.destroyed) to.write(chunk)
      }, oneWayMs)
    }
  }

  function cutAll(): void {
    for (const { client, server } of [...links]) {
      client.destroy()
      server.destroy()
    }
    for (const client of silent) client.destroy()
  }

  function trap(query: RegExp, fate: Fate): Promise<void> {
    return new Promise((resolve) => traps.push({ query, fate, sprung: resolve }))
  }

  function heal(): void {
    clearInterval(flapping)
    if (state === 'silent') cutAll()
    state = 'passing'
  }

  return {
    port,
    get open() {
      return links.size
    },
    url(name = 'postgres') {
      const authority = `${database.user}:${encodeURIComponent(database.password)}@127.0.0.1:${port}`
      return `postgresql://${authority}/${encodeURIComponent(name)}?sslmode=disable`
    },
    cutBeforeQuery: (query) => trap(query, 'before'),
    cutDuringQuery: (query) => trap(query, 'during'),
    swallowAnswer: (query) => trap(query, 'swallow'),
    blackHole() {
      state = 'silent'
    },
    refuse() {
      state = 'refusing'
      cutAll()
    },
    heal,
    delay(roundTripMs) {
      oneWayMs = roundTripMs / 2
    },
    flap(everyMs) {
      cutAll()
      flapping = setInterval(cutAll, everyMs)
    },
    async close() {
      heal()
      const closed = once(listener, 'close')
      listener.close()
      cutAll()
      await closed
    },
  }
}

const parseMessage = 0x50
const queryMessage = 0x51
const readyForQuery = 0x5a

/** Reads what a client sends; answers with what `look` says of the first query in it that it cares about. */
function createRequestReader<T>(look: (query: string) => T | undefined): (chunk: Buffer) => T | undefined {
  let rest: Buffer = Buffer.alloc(0)
  // The first message has a length and no type.
  let opened = false
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    let found: T | undefined
    for (;;) {
      const lengthAt = opened ? 1 : 0
      if (rest.length < lengthAt + 4) return found
      const end = lengthAt + rest.readUInt32BE(lengthAt)
      if (rest.length < end) return found
      if (opened && (rest[0] === parseMessage || rest[0] === queryMessage)) {
        found ??= look(rest.toString('utf8', 5, end))
      }
      opened = true
      rest = rest.subarray(end)
    }
  }
}

/** Whether the server, with this chunk, has finished what it was asked. */
function createReadyDetector(): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    let ready = false
    while (rest.length >= 5 && rest.length >= 1 + rest.readUInt32BE(1)) {
      ready ||= rest[0] === readyForQuery
      rest = rest.subarray(1 + rest.readUInt32BE(1))
    }
    return ready
  }
}
