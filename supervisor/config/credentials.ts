// Secrets that are sent in an HTTP header, so they may hold nothing that would end it.

import { mask } from '../core/secret.ts'
import { accept, defineFormat, refuse } from './format.ts'

const maxChars = 8192

export const bearerToken = defineFormat<string>({
  expected: `a token of visible ASCII characters, at most ${maxChars}`,
  parse(text) {
    if (text.length > maxChars) return refuse('it is too long')
    if (/\s/.test(text)) return refuse('it has spaces or line ends')
    return /^[!-~]+$/.test(text) ? accept(text) : refuse('it has characters a header cannot carry')
  },
  show: () => mask,
  secrets: (value) => [value],
})

export const basicCredentials = defineFormat<string>({
  expected: `user:password, at most ${maxChars} characters`,
  parse(text) {
    if (text.length > maxChars) return refuse('it is too long')
    if (/\p{Cc}/u.test(text)) return refuse('it has control characters or line ends')
    return /^[^:]+:/.test(text) ? accept(text) : refuse('it has no user before a :')
  },
  show: () => mask,
  secrets: (value) => [value, value.slice(value.indexOf(':') + 1)].filter((secret) => secret !== ''),
})
