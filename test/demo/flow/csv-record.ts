// One CSV record as RFC 4180 has it, strictly: a quote inside an unquoted field, or text after a closing quote, is a
// mistake of whoever wrote the file, and guessing what was meant would store something that nobody wrote.

/** `open`: a quoted field has not ended, the record goes on in the next line. */
export type ParsedRecord = readonly string[] | 'open' | 'broken'

/** @param text one line, or several joined by `\n`; a carriage return at its end belongs to the line break */
export function parseRecord(text: string): ParsedRecord {
  if (!text.includes('"')) return withoutReturn(text).split(',')
  const fields: string[] = []
  let index = 0
  for (;;) {
    const quoted = text[index] === '"'
    const field = quoted ? quotedField(text, index) : plainField(text, index)
    if (typeof field === 'string') return field
    fields.push(field.value)
    if (field.end === text.length || text.slice(field.end) === '\r') return fields
    if (text[field.end] !== ',') return 'broken'
    index = field.end + 1
  }
}

interface Field {
  readonly value: string
  /** Index of what follows it. */
  readonly end: number
}

function quotedField(text: string, start: number): Field | 'open' {
  let value = ''
  let from = start + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return 'open'
    value += text.slice(from, quote)
    if (text[quote + 1] !== '"') return { value, end: quote + 1 }
    value += '"'
    from = quote + 2
  }
}

function plainField(text: string, start: number): Field | 'broken' {
  const comma = text.indexOf(',', start)
  const isLast = comma < 0
  const raw = text.slice(start, isLast ? text.length : comma)
  const value = isLast ? withoutReturn(raw) : raw
  return value.includes('"') ? 'broken' : { value, end: start + raw.length }
}

function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text
}
