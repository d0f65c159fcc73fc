// Where alerts go. The address of a receiver is judged again when it is connected to; what can be told from the URL alone
// is refused here, and said.

import { problemOfHost } from '../core/addresses.ts'
import { mask, Secret } from '../core/secret.ts'
import { accept, defineFormat, type Format, type Parsed, refuse } from './format.ts'
import { encodingMistake, takeApart, type UrlParts } from './url-parts.ts'

const schemes = ['http', 'https']
const addressHint =
  'Name a host, or write its address as four decimal numbers. Link-local, multicast and metadata addresses are refused.'

/** What the path and the query of a webhook hold is a key to it. */
export const webhookUrl = defineAlertUrl({
  expected: 'an http:// or https:// URL with a host, such as https://hooks.example.com/services/T0/B0/key',
  wrongPart: () => undefined,
  shownPath: () => `/${mask}`,
  secretParts: ({ path, query = '' }) => [
    ...[path, query].filter((part) => part.length >= keyCharsMin),
    ...`${path}?${query}`.split(/[/?&=]/).filter((part) => part.length >= keyCharsMin),
  ],
})

export const alertmanagerUrl = defineAlertUrl({
  expected: 'an http:// or https:// URL with a host and without a query, such as http://alertmanager:9093',
  wrongPart: withoutQuery,
  shownPath: ({ path }) => path,
  secretParts: () => [],
})

export const pagerDutyUrl = defineFormat<string>({
  expected: 'an http:// or https:// URL without credentials and query, such as https://events.pagerduty.com',
  parse(text) {
    const taken = take(text)
    if (!taken.ok) return taken
    if (taken.value.user !== undefined)
      return refuse('it has credentials', 'The key is a variable of its own.')
    const wrong = withoutQuery(taken.value)
    return wrong === undefined ? accept(text) : refuse(wrong)
  },
  show: (text) => text,
})

export const pagerDutyKey = defineFormat<string>({
  expected: 'an integration key of PagerDuty’s Events API v2: letters, digits, _ and -, 8 to 128 of them',
  parse: (text) => (/^[A-Za-z0-9_-]{8,128}$/.test(text) ? accept(text) : refuse()),
  show: () => mask,
  secrets: (text) => [text],
})

function defineAlertUrl(of: {
  readonly expected: string
  wrongPart(parts: UrlParts): string | undefined
  shownPath(parts: UrlParts): string
  /** Beside the credentials. */
  secretParts(parts: UrlParts): string[]
}): Format<string> {
  return defineFormat({
    expected: of.expected,
    parse(text) {
      const taken = take(text)
      if (!taken.ok) return taken
      const wrong = of.wrongPart(taken.value)
      return wrong === undefined ? accept(text) : refuse(wrong)
    },
    show(text) {
      const taken = take(text)
      if (!taken.ok) return mask
      const credentials = taken.value.user === undefined ? '' : `${mask}@`
      return `${taken.value.scheme}://${credentials}${authorityOf(taken.value)}${of.shownPath(taken.value)}`
    },
    secrets(text) {
      const taken = take(text)
      if (!taken.ok) return [text]
      const { user, password } = taken.value
      const credentials =
        user === undefined ? [] : [password || user, splitAlertUrl(text).auth?.reveal() ?? '']
      const parts = [...credentials, ...of.secretParts(taken.value)]
      return parts.length === 0 ? [] : [text, ...parts, ...parts.map(decoded)]
    },
  })
}

/** Shorter pieces of a path are words, which must not be masked wherever they stand. */
const keyCharsMin = 10

function decoded(part: string): string {
  return encodingMistake(part) === undefined ? decodeURIComponent(part) : part
}

function authorityOf({ host, port }: UrlParts): string {
  return port === undefined ? host : `${host}:${port}`
}

function take(text: string): Parsed<UrlParts> {
  const taken = takeApart(text, schemes)
  if (!taken.ok) return taken
  const { host, path } = taken.value
  if (host === '') return refuse('it has no host')
  if (path.includes('\\')) return refuse('it has a backslash')
  const wrong = problemOfHost(host)
  return wrong === undefined ? taken : refuse(wrong, addressHint)
}

function withoutQuery({ query }: UrlParts): string | undefined {
  return query === undefined ? undefined : 'it has a query'
}

/** The URL without credentials, and those. */
export function splitAlertUrl(text: string | null): { url: Secret | undefined; auth: Secret | undefined } {
  const taken = text === null ? undefined : takeApart(text, schemes)
  if (!taken?.ok) return { url: undefined, auth: undefined }
  const { scheme, user, password, path, query } = taken.value
  const at = authorityOf(taken.value)
  const url = `${scheme}://${at}${path}${query === undefined ? '' : `?${query}`}`
  const auth =
    user === undefined ? undefined : `${decodeURIComponent(user)}:${decodeURIComponent(password ?? '')}`
  return {
    url: new Secret(url, `${scheme}://${at}/${mask}`),
    auth: auth === undefined ? undefined : new Secret(auth),
  }
}
