// What may stand in the `sql` of an operation, and how it is handed to `flowkeep.apply_operations`. Many operations share
// a transaction there, and sessions are shared with others behind a pooler: what controls transactions, or leaves
// something behind in the session, is refused before it is accepted.

import { LexicalError, type Token, tokensOf } from './sql-lexer.ts'

export interface SqlText {
  /** The statement without what comes after its end. */
  readonly query: string
  /** For PostgreSQL's `format`, twice: see `sql/typed-template.ts`. */
  readonly template: string
  /** `query` and `returning` take parameters; `returning` gives rows; `utility` is everything else. */
  readonly form: 'query' | 'returning' | 'utility'
}

/** Completes "the statement …"; undefined when there is none. */
export function problemOf(sql: string): string | undefined {
  const read = readSql(sql)
  return 'problem' in read ? read.problem : undefined
}

export function readSql(sql: string): SqlText | { readonly problem: string } {
  if (sql.includes('\0')) return { problem: 'has a NUL character' }
  if (!sql.isWellFormed()) return { problem: 'has half of a surrogate pair, which is no character' }
  try {
    return readTokens(sql, tokensOf(sql))
  } catch (error) {
    if (error instanceof LexicalError) return { problem: error.message }
    throw error
  }
}

const transactionControl = words('abort begin commit end prepare release rollback savepoint start')
const leavesSettings = words(
  'close deallocate declare discard execute fetch listen load move reset set unlisten',
)
const takesParameters = words('delete insert merge select table update values with')
/** Functions that do what the statements above do. */
const leavesTraces = words(`
  pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
  pg_try_advisory_lock pg_try_advisory_lock_shared set_config`)

function words(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/))
}

function readTokens(sql: string, tokens: readonly Token[]): SqlText | { readonly problem: string } {
  const end = tokens.findIndex(({ kind }) => kind === 'semicolon')
  const statement = end === -1 ? tokens : tokens.slice(0, end)
  if (end !== -1 && tokens.slice(end).some(({ kind }) => kind !== 'semicolon')) {
    return { problem: 'is more than one: write each as a statement of its own' }
  }
  const first = statement.find(({ kind }) => kind !== 'open')
  const last = statement.at(-1)
  if (!first || !last) return { problem: 'is empty' }
  const form = formOf(first, statement)
  const problem = problemOfStart(first) ?? problemOfTokens(statement, form)
  if (problem !== undefined) return { problem }
  return { query: sql.slice(0, last.end), template: templateOf(sql.slice(0, last.end), statement), form }
}

function problemOfStart({ kind, text }: Token): string | undefined {
  if (kind !== 'word') return `begins with ${text.slice(0, 20) || 'a string'}, which no statement does`
  if (transactionControl.has(text)) {
    return `controls a transaction (${text.toUpperCase()}): every operation is one already`
  }
  if (leavesSettings.has(text)) {
    return `leaves something behind in the session (${text.toUpperCase()}), which others share`
  }
  return undefined
}

function problemOfTokens(statement: readonly Token[], form: SqlText['form']): string | undefined {
  const trace = statement.find(
    ({ kind, text }, at) => kind === 'word' && leavesTraces.has(text) && statement[at + 1]?.kind === 'open',
  )
  if (trace) return `leaves something behind in the session (${trace.text}), which others share`
  const parameter = statement.find(({ kind }) => kind === 'parameter')
  if (parameter && form === 'utility') {
    return 'takes no parameters: only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES and WITH do'
  }
  if (parameter?.text === '0') return 'has a parameter $0: they begin with $1'
  return undefined
}

function formOf(first: Token, statement: readonly Token[]): SqlText['form'] {
  if (!takesParameters.has(first.text)) return 'utility'
  return hasReturning(statement) ? 'returning' : 'query'
}

/** RETURNING of the statement itself: not inside parentheses, and not the name of a column. */
function hasReturning(statement: readonly Token[]): boolean {
  let depth = 0
  return statement.some(({ kind, text }, at) => {
    if (kind === 'open') depth++
    if (kind === 'close') depth--
    const before = statement[at - 1]?.text
    return kind === 'word' && text === 'returning' && depth === 0 && before !== 'as' && before !== '.'
  })
}

function templateOf(query: string, statement: readonly Token[]): string {
  let template = ''
  let at = 0
  for (const { kind, start, end, text } of statement) {
    if (kind !== 'parameter') continue
    template += `${escaped(query.slice(at, start))}%${text}$s`
    at = end
  }
  return template + escaped(query.slice(at))
}

function escaped(text: string): string {
  return text.replaceAll('%', '%%%%')
}
