// The network between the supervisor and the database: a TCP proxy on loopback that can be cut.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { unusedPort } from '../harness/servers.ts'

export interface Wire {
  /** The same URL, but over the wire. */
  through(url: string): string
  /** Every connection breaks, and new ones are refused. */
  cut(): Promise<void>
  mend(): Promise<void>
  close(): Promise<void>
}

const host = '127.0.0.1'

/** Cut at first. */
export async function openWire(port: number): Promise<Wire> {
  const open = new Set<Socket>()
  const nearPort = await unusedPort()
  const server = createServer((near) => {
    const far = connect({ host, port })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
  })

  async function cut(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of open) socket.resetAndDestroy()
    await closed
  }

  return {
    through(url) {
      const changed = new URL(url)
      changed.hostname = host
      changed.port = String(nearPort)
      return changed.href
    },
    cut,
    async mend() {
      server.listen(nearPort, host)
      await once(server, 'listening')
    },
    close: cut,
  }
}
