// What looks like a secret: by its name, or by having no structure. Values are looked at and never shown.

const telling =
  /(?:^|_)(?:PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|SECRET|TOKEN|CREDENTIALS?|AUTH_STRING|DSN|API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|ENCRYPTION_?KEY|SIGNING_?KEY|WEBHOOK(?:_URL)?)(?:_\d+)?$/i

/** Names of where a shell is and was; the telling `PWD` is another. */
const harmless: ReadonlySet<string> = new Set(['PWD', 'OLDPWD'])

/** Published with what they belong to: checksums, revisions, fingerprints. */
const publicByName =
  /(?:^|_)(?:SHA\d*|DIGEST|HASH|CHECKSUM|GPG_KEY|COMMIT|REVISION|FINGERPRINT|VERSION|U?UID|ID|PATH|DIR|HOSTNAME)$/i

export function secretLookingName(name: string): boolean {
  return telling.test(name) && !harmless.has(name)
}

/** A flag, a count or a path beside a secret is none itself. */
export function canBeSecret(value: string): boolean {
  return (
    value !== '' && !/^(?:true|false|yes|no|on|off|none|null|\d{1,3})$/i.test(value) && !/^\.?\//.test(value)
  )
}

export function hasCredentialsInUrl(value: string): boolean {
  const start = value.indexOf('://')
  if (start < 1) return false
  const authority = value.slice(start + 3).split(/[/?#\s]/, 1)[0] ?? ''
  const userInfo = authority.slice(0, Math.max(0, authority.lastIndexOf('@')))
  return userInfo.includes(':') && !userInfo.endsWith(':')
}

const leastChars = 20
/** Bits per character. Random text of 20 to 40 letters and digits has 3.9 to 4.8, words and names rarely above 3.8. */
const leastEntropy = 4
const leastHexChars = 32

export function looksRandom(name: string, value: string): boolean {
  if (publicByName.test(name) || /^(?:sha\d+:|\/)/i.test(value)) return false
  if (/^[0-9a-f]+$/i.test(value))
    return value.length >= leastHexChars && /\d/.test(value) && /[a-f]/i.test(value)
  const isOneWord = /^[A-Za-z0-9+/=_~.-]+$/.test(value) && value.length >= leastChars
  return (
    isOneWord &&
    /\d/.test(value) &&
    /[A-Z]/.test(value) &&
    /[a-z]/.test(value) &&
    entropy(value) >= leastEntropy
  )
}

function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
