// What a Prefect server is reached through in a test: it can go away, fall silent, flap, hand over to another server, or
// lose the answer to one request that the server has carried out.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Front {
  readonly port: number
  /** With `/api`. */
  readonly url: string
  /** New connections lead to this port from now on; open ones are cut. */
  lead(port: number): void
  /** New connections are closed at once, open ones are cut. */
  refuse(): void
  /** New connections are accepted and nothing is ever said; open ones fall silent. */
  silence(): void
  /** Everything passes again. What fell silent is cut. */
  heal(): void
  /** The next request whose head matches is carried out, and its answer is lost. Resolves when that has happened. */
  loseAnswer(head: RegExp): Promise<void>
  /** The same, and the connection stays open: whoever asked waits. */
  withholdAnswer(head: RegExp): Promise<void>
  close(): Promise<void>
}

interface Trap {
  readonly head: RegExp
  readonly silent: boolean
  sprung(): void
}

export async function startFront(serverPort: number): Promise<Front> {
  let target = serverPort
  let state: 'passing' | 'silent' | 'refusing' = 'passing'
  const sockets = new Set<Socket>()
  const traps: Trap[] = []

  const listener = createServer({ noDelay: true }, (client) => {
    follow(client)
    if (state === 'refusing') client.destroy()
    else if (state === 'passing') join(client)
    else client.resume()
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }

  function follow(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }

  function join(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true })
    follow(server)
    let losing: Trap | undefined
    client.on('data', (chunk: Buffer) => {
      if (state === 'silent') return
      const head = chunk.toString('latin1')
      const index = traps.findIndex((trap) => trap.head.test(head))
      if (index >= 0) losing = traps.splice(index, 1)[0]
      server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      if (state === 'silent') return
      if (!losing) return void client.write(chunk)
      if (!losing.silent) client.destroy()
      losing.sprung()
    })
    client.once('close', () => server.destroy())
    server.once('close', () => client.destroy())
  }

  function cut(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    port,
    url: `http://127.0.0.1:${port}/api`,
    lead(to) {
      target = to
      cut()
    },
    refuse() {
      state = 'refusing'
      cut()
    },
    silence() {
      state = 'silent'
    },
    heal() {
      if (state === 'silent') cut()
      state = 'passing'
    },
    loseAnswer: (head) => new Promise((resolve) => traps.push({ head, silent: false, sprung: resolve })),
    withholdAnswer: (head) => new Promise((resolve) => traps.push({ head, silent: true, sprung: resolve })),
    async close() {
      const closed = once(listener, 'close')
      listener.close()
      cut()
      await closed
    },
  }
}
