// URLs of HTTP services, and the credentials that may stand in them.

import { mask } from '../core/secret.ts'
import { accept, defineFormat, type Format, type Parsed, refuse } from './format.ts'
import { takeApart, type UrlParts } from './url-parts.ts'

const schemes = ['http', 'https']

/** Prefect answers under `/api`; a URL of its server alone is taken for that. */
export const prefectPath = '/api'

export const serviceUrl = defineServiceUrl('such as https://host:8443/base', (text) => text)

export const prefectUrl = defineServiceUrl('such as http://prefect:4200/api', (text, parts) =>
  /^\/*$/.test(parts.path) ? `${text.replace(/(?<!\/)\/+$/, '')}${prefectPath}` : text,
)

function defineServiceUrl(
  example: string,
  complete: (text: string, parts: UrlParts) => string,
): Format<string> {
  return defineFormat({
    expected: `an http:// or https:// URL with a host and without a query, ${example}`,
    parse(text) {
      const taken = takeApart(text, schemes)
      if (!taken.ok) return taken
      const wrong = wrongPart(taken.value)
      return wrong.ok ? accept(complete(text, taken.value)) : wrong
    },
    show(text) {
      const taken = takeApart(text, schemes)
      if (!taken.ok) return mask
      return taken.value.user === undefined ? text : withUserInfo(taken.value, `${mask}@`)
    },
    secrets(text) {
      const taken = takeApart(text, schemes)
      if (!taken.ok) return [text]
      const { user, password } = taken.value
      if (user === undefined) return []
      // A token may stand alone before the @, where a user name would.
      const hidden = password === undefined || password === '' ? user : password
      if (hidden === '') return [text]
      return [text, hidden, decodeURIComponent(hidden), splitCredentials(text).credentials ?? '']
    },
  })
}

function wrongPart(parts: UrlParts): Parsed<undefined> {
  if (parts.host === '') return refuse('it has no host')
  if (parts.query !== undefined) return refuse('it has a query', 'A query belongs into the health path.')
  if (parts.path.includes('\\')) return refuse('it has a backslash')
  return accept(undefined)
}

/** The URL as a client wants it, and `user:password`, decoded, where they stood in it. */
export function splitCredentials(text: string): { url: string; credentials: string | undefined } {
  const taken = takeApart(text, schemes)
  if (!taken.ok || taken.value.user === undefined) return { url: text, credentials: undefined }
  const { user, password } = taken.value
  return {
    url: withUserInfo(taken.value, ''),
    credentials: `${decodeURIComponent(user)}:${decodeURIComponent(password ?? '')}`,
  }
}

function withUserInfo(parts: UrlParts, userInfo: string): string {
  const port = parts.port === undefined ? '' : `:${parts.port}`
  return `${parts.scheme}://${userInfo}${parts.host}${port}${parts.path}`
}
