// A format is a strict reading of one kind of text, and the sentence that says what it accepts.
// Convict's own formats guess ("no" is true, "10abc" is 10), so the schema uses only these. They are registered with
// convict under their sentence; a text that is refused stays text, which convict's validation then refuses as well.

import convict from 'convict'

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** `wrong` says what is wrong without repeating the value: the value may be a secret. */
  | { readonly ok: false; readonly wrong?: string; readonly hint?: string }

export interface Format<T extends string | number | boolean> {
  /** What is accepted, as in "a whole number from 1 to 65535". Unique: the schema refers to the format by it. */
  readonly expected: string
  /** Reads what a person wrote. Never throws; what it gives for a string reads as itself again. */
  parse(text: string): Parsed<T>
  /** The value as `flowkeep config` shows it. */
  show(value: T): string | number | boolean
  /** For secrets: what must not appear in any output because it stands in this value. */
  secrets?(value: T): string[]
}

export type AnyFormat = Format<string> | Format<number> | Format<boolean>

const registered = new Map<string, AnyFormat>()

/** Makes the format known to convict. The same sentence gives the same format. */
export function defineFormat<T extends string | number | boolean>(format: Format<T>): Format<T> {
  const known = registered.get(format.expected)
  if (known) return known as unknown as Format<T>
  registered.set(format.expected, format as unknown as AnyFormat)
  convict.addFormat({
    name: format.expected,
    coerce(text: unknown) {
      const parsed = typeof text === 'string' ? format.parse(text) : undefined
      return parsed?.ok ? parsed.value : text
    },
    validate(value: unknown) {
      if (value === null || (typeof value === 'string' && !format.parse(value).ok)) {
        throw new Error(`expected ${format.expected}`)
      }
    },
  })
  return format
}

/** The format a schema entry refers to. */
export function formatNamed(expected: string): AnyFormat {
  const format = registered.get(expected)
  if (!format) throw new Error(`no format of ours is called "${expected}"`)
  return format
}

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

export function refuse(wrong?: string, hint?: string): Parsed<never> {
  return { ok: false, ...(wrong === undefined ? {} : { wrong }), ...(hint === undefined ? {} : { hint }) }
}
