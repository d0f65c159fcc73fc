// What can be reached from outside: S35.

import { type Check, fail, pass, some } from '../check.ts'
import type { Container } from '../container.ts'
import { isLoopback, parseSockets, type TcpSocket } from '../sockets.ts'
import { Unreadable } from '../view.ts'

const inspectorPort = 9229

export const networkChecks: readonly Check[] = [
  {
    id: 'S35',
    title: 'Listening ports',
    severity: 'critical',
    reads: '/proc/net/tcp',
    expected: 'CONTAINER_HTTP_PORT and CONTAINER_SECURITY_ALLOWED_PORTS; anything else on loopback alone',
    fix: 'bind to 127.0.0.1, or name the port in CONTAINER_SECURITY_ALLOWED_PORTS',
    live: true,
    look(container) {
      const allowed = new Set(container.configured.ports)
      const listening = tcpSockets(container).filter(({ state }) => state === 'listening')
      const open = listening.filter(
        ({ local: { address, port } }) =>
          // Whoever reaches the inspector runs code in the process, from loopback as well.
          port === inspectorPort || !(isLoopback(address) || allowed.has(port)),
      )
      const names = [...new Set(open.map(({ local: { address, port } }) => `${address} port ${port}`))]
      if (names.length > 0) return fail(some(names))
      return pass(`${listening.length} listening, all as meant`)
    },
  },
]

/** @throws Unreadable where not even IPv4 can be seen; a kernel without IPv6 has no second file */
export function tcpSockets({ view, process }: Container): TcpSocket[] {
  const sockets = parseSockets(view.text(`${process}/net/tcp`))
  try {
    return [...sockets, ...parseSockets(view.text(`${process}/net/tcp6`))]
  } catch (error) {
    if (error instanceof Unreadable && error.code === 'ENOENT') return sockets
    throw error
  }
}
