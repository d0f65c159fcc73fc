// /proc/net/tcp and tcp6: addresses are written as the machine's own 32-bit words, ports in network order.

export interface TcpSocket {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly state: 'listening' | 'established' | 'other'
}

export interface Endpoint {
  /** `127.0.0.1`, or `0:0:0:0:0:0:0:1`; an IPv4 address in an IPv6 socket is written as IPv4. */
  readonly address: string
  readonly port: number
}

const states: Readonly<Record<string, TcpSocket['state']>> = { '0A': 'listening', '01': 'established' }

export function parseSockets(text: string): TcpSocket[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line)
    if (!match) return []
    const [, localAddress = '', localPort = '', remoteAddress = '', remotePort = '', state = ''] = match
    return [
      {
        local: endpoint(localAddress, localPort),
        remote: endpoint(remoteAddress, remotePort),
        state: states[state] ?? 'other',
      },
    ]
  })
}

function endpoint(address: string, port: string): Endpoint {
  return { address: addressOf(address), port: Number.parseInt(port, 16) }
}

/** Both kinds of machine Flowkeep runs on are little-endian. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.subarray(0, 12).equals(mappedPrefix)) return bytes.subarray(12).join('.')
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  return words.join(':')
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex')

export function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1' || address === '0:0:0:0:0:0:0:1'
}
