// Takes a URL apart by hand. `new URL` repairs what it does not understand (it drops newlines, turns \ into /, takes
// the last @), so a password with an unescaped character would silently become another host. Here each such mistake is
// found and explained, and never with a piece of the value: any piece may be a part of the password.

import { type Parsed, refuse } from './format.ts'

export interface UrlParts {
  /** Lower case, without `:`. */
  readonly scheme: string
  /** As written, still percent-encoded; undefined when there is no `@`. */
  readonly user: string | undefined
  readonly password: string | undefined
  /** An IPv6 address keeps its brackets; empty when there is none. */
  readonly host: string
  readonly port: string | undefined
  /** Beginning with `/`, or empty. */
  readonly path: string
  /** Without `?`; undefined when there is none. */
  readonly query: string | undefined
}

export const encodeHint =
  'Percent-encode special characters of user and password: % is %25, / %2F, ? %3F, # %23, @ %40, : %3A, a space %20.'

const schemesWorthNaming = [
  'mysql',
  'mariadb',
  'mongodb',
  'redis',
  'sqlite',
  'jdbc',
  'http',
  'https',
  'ftp',
  'ws',
  'wss',
]

/** @param schemes the accepted ones; the first is what an error suggests */
export function takeApart(text: string, schemes: readonly string[]): Parsed<UrlParts> {
  if (/[\s\p{C}]/u.test(text)) return refuse('it has spaces or control characters', encodeHint)
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase()
  const prefix = `${schemes[0]}://`
  if (scheme === undefined || !schemes.includes(scheme)) {
    return refuseScheme(scheme, schemes, /^[^:]+:\d+(?:\/|$)/.test(text))
  }
  if (!text.slice(scheme.length).startsWith('://'))
    return refuse(`"://" does not follow its scheme`, `Begin with ${prefix}`)

  const rest = text.slice(scheme.length + 3)
  const authorityEnd = rest.search(/[/?#]/)
  const authority = authorityEnd === -1 ? rest : rest.slice(0, authorityEnd)
  const tail = authorityEnd === -1 ? '' : rest.slice(authorityEnd)
  if (!authority.includes('@') && tail.includes('@')) {
    return refuse('user or password hold a /, ? or # that is not percent-encoded', encodeHint)
  }
  if (tail.includes('#')) return refuse('it has a #', encodeHint)

  const at = authority.lastIndexOf('@')
  const userInfo = at === -1 ? undefined : authority.slice(0, at)
  if (userInfo?.includes('@') || tail.includes('@')) return refuse('it has more than one @', encodeHint)
  const colon = userInfo?.indexOf(':') ?? -1
  const user = colon === -1 ? userInfo : userInfo?.slice(0, colon)
  const password = colon === -1 ? undefined : userInfo?.slice(colon + 1)
  for (const [what, part] of [
    ['user', user],
    ['password', password],
  ] as const) {
    const wrong = part === undefined ? undefined : encodingMistake(part)
    if (wrong) return refuse(`its ${what} has ${wrong}`, encodeHint)
  }

  const location = splitHost(authority.slice(at + 1))
  if (!location.ok) return location
  const mark = tail.indexOf('?')
  const path = mark === -1 ? tail : tail.slice(0, mark)
  const query = mark === -1 ? undefined : tail.slice(mark + 1)
  return { ok: true, value: { scheme, user, password, ...location.value, path, query } }
}

function refuseScheme(
  scheme: string | undefined,
  schemes: readonly string[],
  isHostAndPort: boolean,
): Parsed<never> {
  const begin = `Begin with ${schemes[0]}://`
  if (scheme === undefined || isHostAndPort) return refuse('it does not begin with a scheme', begin)
  const [dialect] = scheme.split('+')
  if (dialect !== undefined && schemes.includes(dialect)) {
    return refuse('its scheme names a driver after a +', `Leave the driver out: begin with ${dialect}://`)
  }
  // Only well-known words are repeated: what looks like a scheme may be the beginning of a secret.
  return refuse(
    schemesWorthNaming.includes(scheme) ? `its scheme is ${scheme}` : 'it has another scheme',
    begin,
  )
}

/** What is wrong with the percent-encoding, if anything is. */
export function encodingMistake(part: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(part)) return 'a % that is not followed by two hexadecimal digits'
  try {
    const decoded = decodeURIComponent(part)
    return decoded.includes('\0') ? 'a NUL character' : undefined
  } catch {
    return 'percent-encoded bytes that are no UTF-8 text'
  }
}

function splitHost(text: string): Parsed<{ host: string; port: string | undefined }> {
  if (text.includes(','))
    return refuse('it names more than one host', 'Name one host, such as that of a proxy.')
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::([^:]*))?$/.exec(text)
  if (!match) return refuse('its host cannot be read', 'Write an IPv6 address in brackets, as in [::1].')
  const host = match[1] ?? ''
  const port = match[2]
  if (port !== undefined) {
    const number = /^[1-9]\d{0,4}$/.test(port) ? Number(port) : 0
    if (number < 1 || number > 65_535) {
      return refuse(
        'its port is no number from 1 to 65535',
        `Without a port leave out the ":" too. ${encodeHint}`,
      )
    }
  }
  // Underscores are no part of a DNS name, but container names have them.
  const sound =
    host === '' || (/^(?:\[.*\]|[A-Za-z0-9._-]{1,253})$/.test(host) && URL.canParse(`http://${host}`))
  return sound
    ? { ok: true, value: { host, port } }
    : refuse('its host has characters a host name cannot have')
}
