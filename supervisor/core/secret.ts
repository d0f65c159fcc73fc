// A secret that cannot be printed by accident: every way of turning it into text gives the masked form.

import { inspect } from 'node:util'

export const mask = '[redacted]'

export class Secret {
  readonly #value: string
  readonly #shown: string

  /** @param shown what may be printed instead, such as a URL whose password is masked */
  constructor(value: string, shown: string = mask) {
    this.#value = value
    this.#shown = shown
  }

  /** The secret itself. Call it where it is used, and keep the result in no variable that outlives the use. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return this.#shown
  }

  toJSON(): string {
    return this.#shown
  }

  [inspect.custom](): string {
    return this.#shown
  }
}

export type Redact = (text: string) => string

/**
 * The last line of defence, for text that comes from elsewhere (a database's error message, a check's output):
 * replaces each of the secrets wherever it stands, also percent-encoded, base64 or JSON-escaped.
 * Secrets of fewer than four characters are left, since masking them would only make text unreadable.
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const forms = new Set<string>()
  for (const given of secrets) {
    const secret = given.toWellFormed()
    if (secret.length < 4) continue
    for (const form of [
      secret,
      encodeURIComponent(secret),
      encodeURI(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ]) {
      forms.add(form)
    }
  }
  // The longest first, so that a secret that contains another one is masked whole.
  const ordered = [...forms].sort((a, b) => b.length - a.length)
  return (text) => ordered.reduce((masked, form) => masked.replaceAll(form, mask), text)
}
