// A problem is one line of the report: what is wrong with one variable, in words that never repeat a secret.

import type { Redact } from '../core/secret.ts'

export interface Problem {
  /** The variable to change. A rule between two of them names the other one in `expected`. */
  readonly variable: string
  /** What was found. A secret is described, never shown. */
  readonly found?: string
  readonly expected: string
  /** What to do about it. */
  readonly hint?: string
}

/** On one line, for the log and for an error's message. */
export function describeProblem({ variable, found, expected, hint }: Problem): string {
  const parts = [`${variable}: ${found === undefined ? '' : `${found}; `}expected ${expected}`, hint]
  return parts.filter((part) => part !== undefined).join('. ')
}

const shownChars = 100
const shownPathChars = 300

/**
 * Foreign text in quotes: short, on one line, no control characters, no credentials of a URL that strayed there.
 * Redacted before it is cut, or half a secret would be left.
 */
export function quote(text: string, redact: Redact): string {
  const masked = redact(maskCredentials(text))
  const short = masked.length > shownChars ? `${masked.slice(0, shownChars)}…` : masked
  return `"${printable(short)}"`
}

/** A file's path, long enough to find it. */
export function showPath(path: string): string {
  return printable(path.length > shownPathChars ? `${path.slice(0, shownPathChars)}…` : path)
}

/** `abc` for text a terminal shows as it is; anything else as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** How a secret that is wrong is spoken of. */
export function describeSecret(text: string): string {
  const count = [...text].length
  return count === 1 ? 'a value of 1 character' : `a value of ${count} characters`
}

/** Masks what stands between `://` and the last `@`, wherever a value with a URL in it was set by mistake. */
function maskCredentials(text: string): string {
  return text.replace(/:\/\/.*@/s, '://[redacted]@')
}

/** `problem` with `hint` only where there is one, as `exactOptionalPropertyTypes` wants it. */
export function problem(
  variable: string,
  found: string | undefined,
  expected: string,
  hint?: string,
): Problem {
  return {
    variable: printable(variable.length > 120 ? `${variable.slice(0, 120)}…` : variable),
    ...(found === undefined ? {} : { found }),
    expected,
    ...(hint === undefined ? {} : { hint }),
  }
}
