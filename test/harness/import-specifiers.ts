// Which modules a TypeScript or JavaScript source names: static, dynamic, re-exported, required, as a type. Pure.
// A scanner of its own, since compilers drop the imports of types, and those count here.

export interface Specifier {
  /** The module named, or undefined where it is computed at run time. */
  readonly name: string | undefined
  readonly line: number
}

/** In the order in which they have to be tried. */
const kinds = ['comment', 'string', 'regex', 'word', 'other'] as const
const token = new RegExp(
  [
    String.raw`(\/\/[^\n]*|\/\*[\s\S]*?\*\/)`,
    String.raw`('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")`,
    // A slash begins one where no value can stand before it.
    String.raw`((?<=(?:[(,=:[!&|?{};>]|\breturn|^)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*)`,
    String.raw`([A-Za-z_$][\w$]*)`,
    String.raw`(\S)`,
  ].join('|'),
  'gm',
)

interface Token {
  readonly kind: (typeof kinds)[number]
  readonly text: string
  readonly line: number
}

export function specifiersOf(source: string): Specifier[] {
  const tokens = tokensOf(source)
  const found: Specifier[] = []
  for (const [index, { text, line }] of tokens.entries()) {
    const next = tokens[index + 1]
    const previous = tokens[index - 1]?.text
    if (previous === '.' || next === undefined) continue
    if ((text === 'from' || text === 'import') && next.kind === 'string') {
      found.push({ name: next.text.slice(1, -1), line })
    } else if ((text === 'import' || text === 'require') && next.text === '(') {
      found.push({ name: argumentOf(tokens, index + 2), line })
    }
  }
  return found
}

/** The one string between the parentheses, or before a comma. */
function argumentOf(tokens: readonly Token[], index: number): string | undefined {
  const [argument, after] = [tokens[index], tokens[index + 1]]
  const isAlone = after?.text === ')' || after?.text === ','
  return argument?.kind === 'string' && isAlone ? argument.text.slice(1, -1) : undefined
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let from = 0
  // The text of a template literal is scanned like code: it may hold expressions, and a word too many is harmless.
  for (const match of source.matchAll(token)) {
    line += newlines(source.slice(from, match.index))
    from = match.index
    const kind = kinds.find((_, place) => match[place + 1] !== undefined)
    if (kind !== undefined && kind !== 'comment') tokens.push({ kind, text: match[0], line })
  }
  return tokens
}

function newlines(text: string): number {
  return text.split('\n').length - 1
}
