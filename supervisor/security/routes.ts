// /proc/net/route: IPv4 routes, with addresses as the machine's own 32-bit words.

export interface Route {
  /** `172.17.0.0/16`, or `default` */
  readonly text: string
  readonly isDefault: boolean
  readonly network: number
  readonly mask: number
}

const flagUp = 1

export function parseRoutes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [name, destination = '', , flags = '', , , , mask = ''] = line.trim().split(/\s+/)
    if (name === undefined || !/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(mask)) return []
    if ((Number.parseInt(flags, 16) & flagUp) === 0) return []
    return [routeOf(wordOf(destination), wordOf(mask))]
  })
}

function routeOf(network: number, mask: number): Route {
  const isDefault = mask === 0
  const bits = 32 - Math.log2(2 ** 32 - mask)
  const address = [24, 16, 8, 0].map((shift) => (network >>> shift) & 0xff).join('.')
  return { text: isDefault ? 'default' : `${address}/${bits}`, isDefault, network, mask }
}

function wordOf(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE()
}

export function isWithinSubnet(address: string, { network, mask }: Route): boolean {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return false
  const word = address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
  return (word & mask) >>> 0 === (network & mask) >>> 0
}
