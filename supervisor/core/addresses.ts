// Which addresses alerts may be sent to. The name of a host says nothing: what it resolves to is judged, and connected
// to, so that no name can lead to the metadata service of a cloud, or to another container's loopback.

import { BlockList, isIPv4, isIPv6 } from 'node:net'

export type AddressKind = 'allowed' | 'loopback' | 'forbidden'

const subnets: readonly (readonly [address: string, prefix: number, kind: AddressKind])[] = [
  ['127.0.0.0', 8, 'loopback'],
  ['::1', 128, 'loopback'],
  ['0.0.0.0', 8, 'forbidden'],
  // Link-local, where clouds answer with credentials.
  ['169.254.0.0', 16, 'forbidden'],
  ['fe80::', 10, 'forbidden'],
  // Metadata services elsewhere: Alibaba, Oracle, AWS, Google.
  ['100.100.100.200', 32, 'forbidden'],
  ['192.0.0.192', 32, 'forbidden'],
  ['fd00:ec2::254', 128, 'forbidden'],
  ['fd20:ce::254', 128, 'forbidden'],
  // Multicast, reserved, broadcast, unspecified.
  ['224.0.0.0', 4, 'forbidden'],
  ['240.0.0.0', 4, 'forbidden'],
  ['ff00::', 8, 'forbidden'],
  ['::', 128, 'forbidden'],
  // Teredo, which hides an IPv4 address.
  ['2001::', 32, 'forbidden'],
]

const lists = { loopback: new BlockList(), forbidden: new BlockList() }
for (const [address, prefix, kind] of subnets) {
  if (kind !== 'allowed') lists[kind].addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** @param address as a resolver gives it */
export function addressKind(address: string): AddressKind {
  const plain = address.split('%', 1)[0] ?? ''
  if (!isIPv4(plain) && !isIPv6(plain)) return 'forbidden'
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6'
  if (lists.forbidden.check(plain, family)) return 'forbidden'
  const inner = family === 'ipv6' ? embeddedIPv4(plain) : undefined
  // An address in the clothes of another one, to loopback at that, has no honest use.
  if (inner !== undefined) return addressKind(inner) === 'allowed' ? 'allowed' : 'forbidden'
  return lists.loopback.check(plain, family) ? 'loopback' : 'allowed'
}

/** Of a mapped (`::ffff:0:0/96`), compatible, NAT64 or 6to4 address. */
function embeddedIPv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const head = groups.slice(0, 6).join(':')
  const dotted = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join('.')
  if (groups[0] === 0x2002) return dotted(groups[1], groups[2])
  const isMapped = head === '0:0:0:0:0:65535'
  const isCompatible = head === '0:0:0:0:0:0' && (groups[6] !== 0 || (groups[7] ?? 0) > 1)
  const isNat64 = head === `${0x64}:${0xff9b}:0:0:0:0`
  return isMapped || isCompatible || isNat64 ? dotted(groups[6], groups[7]) : undefined
}

/** The eight groups. The URL parser knows every way of writing them, and writes them in one. */
function groupsOf(address: string): number[] {
  const [before = '', after] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const parse = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [left, right] = [parse(before), parse(after ?? '')]
  const zeros = after === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...new Array<number>(zeros).fill(0), ...right]
}

/**
 * Why a host cannot be where alerts go, as far as it can be told without resolving it.
 * @param host as in a URL that somebody wrote: an IPv6 address has its brackets
 */
export function problemOfHost(host: string): string | undefined {
  if (host.startsWith('[')) return problemOfAddress(host.slice(1, -1))
  if (isIPv4(host)) return problemOfAddress(host)
  // What the URL parser takes for an IPv4 address: 2852039166, 0xa9fe.1, 0251.0376.1, also with a dot at the end.
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(host))
    return 'its host is a number, and no address of four decimal numbers'
  return undefined
}

function problemOfAddress(address: string): string | undefined {
  return addressKind(address) === 'forbidden' ? 'its address is one that alerts are never sent to' : undefined
}

/** Whether the URL itself says that the receiver is on this machine: a sidecar. */
export function namesLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return name === 'localhost' || addressKind(name) === 'loopback'
}
