// PostgreSQL's lexical rules, as far as they decide where a statement ends, what is a parameter, and what only looks
// like one inside a string, a quoted name, a dollar-quoted body or a comment.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html

export interface Token {
  readonly kind: 'word' | 'parameter' | 'semicolon' | 'open' | 'close' | 'string' | 'other'
  readonly start: number
  /** After its last character. */
  readonly end: number
  /** In lower case for a word; the number of a parameter. */
  readonly text: string
}

/** What the text cannot be: `problem` says where it goes wrong. */
export class LexicalError extends Error {}

const wordStart = /^[A-Za-z_\u0080-\u{10ffff}]/u
const space = /[ \t\n\r\f\v]/
// Sticky: each is tried at one place only.
const word = /[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*/uy
const number = /(?:\d|\.\d)[\w.]*/y
const parameter = /\$(\d+)/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\u{10ffff}][\w\u0080-\u{10ffff}]*)?\$/uy
/** @throws LexicalError where a string, a name, a body or a comment has no end */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < sql.length) {
    const next = afterBlank(sql, at)
    if (next > at) {
      at = next
      continue
    }
    const token = tokenAt(sql, at)
    tokens.push(token)
    at = token.end
  }
  return tokens
}

function tokenAt(sql: string, start: number): Token {
  const character = sql[start] as string
  const single = singles[character]
  if (single) return { kind: single, start, end: start + 1, text: character }
  if (character === "'") return string(sql, start, start, false)
  if (character === '"') return other(sql, start, afterQuote(sql, start, '"', false))
  if (character === '$') return dollar(sql, start)
  if (wordStart.test(sql.slice(start, start + 2))) return wordOrPrefixed(sql, start)
  const digits = match(number, sql, start)
  return other(sql, start, start + (digits?.[0].length ?? 1))
}

const singles: Readonly<Record<string, Token['kind']>> = { ';': 'semicolon', '(': 'open', ')': 'close' }

function other(sql: string, start: number, end: number): Token {
  return { kind: 'other', start, end, text: sql.slice(start, end) }
}

/** A word, or what begins with one: E'…', B'…', X'…', N'…', U&'…', U&"…". */
function wordOrPrefixed(sql: string, start: number): Token {
  const found = match(word, sql, start)?.[0] ?? (sql[start] as string)
  const end = start + found.length
  if (/^[ebxn]$/i.test(found) && sql[end] === "'") return string(sql, start, end, /^e$/i.test(found))
  if (/^u$/i.test(found) && sql[end] === '&') {
    if (sql[end + 1] === "'") return string(sql, start, end + 1, false)
    if (sql[end + 1] === '"') return other(sql, start, afterQuote(sql, end + 1, '"', false))
  }
  return { kind: 'word', start, end, text: found.toLowerCase() }
}

/** A string goes on after a line break, and still knows whether a backslash escapes. */
function string(sql: string, start: number, quote: number, escapes: boolean): Token {
  let end = afterQuote(sql, quote, "'", escapes)
  for (;;) {
    const next = continuation(sql, end)
    if (next === undefined) return { kind: 'string', start, end, text: '' }
    end = afterQuote(sql, next, "'", escapes)
  }
}

/** The quote at which a string goes on: after a line break, with white space and comments of lines alone between. */
function continuation(sql: string, end: number): number | undefined {
  let lineEnded = false
  let at = end
  while (at < sql.length && (space.test(sql[at] as string) || sql.startsWith('--', at))) {
    lineEnded ||= sql[at] === '\n' || sql[at] === '\r'
    at = afterBlank(sql, at)
  }
  return lineEnded && sql[at] === "'" ? at : undefined
}

function afterQuote(sql: string, opening: number, quote: string, escapes: boolean): number {
  for (let at = opening + 1; at < sql.length; at++) {
    if (escapes && sql[at] === '\\') at++
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1
      at++
    }
  }
  throw new LexicalError(quote === '"' ? 'has a quoted name without its end' : 'has a string without its end')
}

function dollar(sql: string, start: number): Token {
  const digits = match(parameter, sql, start)
  if (digits) {
    return { kind: 'parameter', start, end: start + digits[0].length, text: String(Number(digits[1])) }
  }
  const tag = match(dollarTag, sql, start)?.[0]
  if (tag === undefined) return other(sql, start, start + 1)
  const close = sql.indexOf(tag, start + tag.length)
  if (close === -1) throw new LexicalError(`has a body that begins with ${tag} and does not end`)
  return { kind: 'string', start, end: close + tag.length, text: '' }
}

/** Where white space and comments end that begin at `at`. */
function afterBlank(sql: string, at: number): number {
  if (space.test(sql[at] as string)) return at + 1
  if (sql.startsWith('--', at)) {
    const end = sql.slice(at).search(/[\n\r]/)
    return end === -1 ? sql.length : at + end
  }
  return sql.startsWith('/*', at) ? afterComment(sql, at) : at
}

/** Comments lie inside each other. */
function afterComment(sql: string, opening: number): number {
  let depth = 0
  for (let at = opening; at < sql.length; at += 2) {
    if (sql.startsWith('/*', at)) depth++
    else if (sql.startsWith('*/', at)) depth--
    else at--
    if (depth === 0) return at + 2
  }
  throw new LexicalError('has a comment without its end')
}

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(sql)
}
