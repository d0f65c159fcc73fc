// Connections and traffic of the container's network namespace.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface NetworkFigures {
  /** TCP sockets, listening ones included. */
  readonly tcpInUse: number | undefined
  /** Closed connections that still take up a port. */
  readonly tcpTimeWait: number | undefined
  readonly receivedBytes: number | undefined
  readonly sentBytes: number | undefined
}

export function readNetwork(root = '/'): NetworkFigures {
  const net = (name: string) => read(join(root, 'proc/self/net', name))
  const tcp = /^TCP: inuse (\d+) orphan \d+ tw (\d+) /m.exec(net('sockstat'))
  const tcp6 = /^TCP6: inuse (\d+)$/m.exec(net('sockstat6'))
  // `eth0:` then eight columns of what came in, the first in bytes, and as many of what went out.
  const interfaces = net('dev')
    .split('\n')
    .map((line) => line.replace(':', ' ').trim().split(/ +/))
    .filter(([, received = '', ...others]) => /^\d+$/.test(received) && others.length >= 8)
  const outside = interfaces.filter(([name]) => name !== 'lo')
  const sum = (column: number) => outside.reduce((total, columns) => total + Number(columns[column]), 0)
  return {
    tcpInUse: tcp ? Number(tcp[1]) + Number(tcp6?.[1] ?? 0) : undefined,
    tcpTimeWait: tcp ? Number(tcp[2]) : undefined,
    receivedBytes: interfaces.length === 0 ? undefined : sum(1),
    sentBytes: interfaces.length === 0 ? undefined : sum(9),
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
