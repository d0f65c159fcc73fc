// A Dockerfile as BuildKit's parser sees it: instructions without comments, with continued lines joined and with their
// here-documents. https://docs.docker.com/reference/dockerfile/#format

export interface Instruction {
  /** In upper case. */
  readonly keyword: string
  /** What stands behind it, joined, with its here-documents. */
  readonly rest: string
}

export interface Syntax {
  readonly instructions: readonly Instruction[]
  /** The frontend image that a `# syntax=` line asks for. */
  readonly frontend: string | undefined
}

const directive = /^#\s*([a-z]+)\s*=\s*(\S+)\s*$/i
const hereDocument = /<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)\2/g

export function parseDockerfile(text: string): Syntax {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const directives = directivesOf(lines)
  const escapeCharacter = directives.get('escape') === '`' ? '`' : '\\'
  const continued = new RegExp(`${escapeCharacter === '\\' ? '\\\\' : '`'}[ \\t]*$`)
  const instructions: Instruction[] = []
  for (let at = 0; at < lines.length; ) {
    let joined = ''
    let open = true
    for (; open && at < lines.length; at++) {
      const line = lines[at] ?? ''
      // A comment or an empty line within a continued instruction is no part of it.
      if (/^\s*(?:#.*)?$/.test(line)) {
        if (joined === '') open = false
        continue
      }
      open = continued.test(line)
      joined += line.replace(continued, '')
    }
    if (joined === '') continue
    const documents: string[] = []
    const { keyword, rest } = split(joined)
    if (keyword === 'RUN' || keyword === 'COPY' || keyword === 'ADD') {
      for (const [, dash, , name] of rest.matchAll(hereDocument)) {
        for (; at < lines.length; at++) {
          const line = lines[at] ?? ''
          documents.push(line)
          if ((dash ? line.replace(/^\t+/, '') : line) === name) break
        }
        at++
      }
    }
    instructions.push({ keyword, rest: [rest, ...documents].join('\n') })
  }
  return { instructions, frontend: directives.get('syntax') }
}

/** They stand before anything else. */
function directivesOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of lines) {
    const match = directive.exec(line)
    if (!match?.[1] || !match[2]) break
    found.set(match[1].toLowerCase(), match[2])
  }
  return found
}

function split(line: string): Instruction {
  const [, keyword = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? []
  return { keyword: keyword.toUpperCase(), rest }
}

/** The options (`--from=…`) at the beginning, and the words behind them; quotes hold a word together. */
export function wordsOf(rest: string): { options: ReadonlyMap<string, string>[]; words: string[] } {
  const first = rest.split('\n')[0] ?? ''
  const pieces = first.match(/(?:[^\s"']|"(?:\\.|[^"\\])*"|'[^']*')+/g) ?? []
  const options: ReadonlyMap<string, string>[] = []
  let at = 0
  for (; pieces[at]?.startsWith('--'); at++) {
    const [name = '', ...value] = (pieces[at] ?? '').slice(2).split('=')
    options.push(new Map([[name, unquote(value.join('='))]]))
  }
  const list = first.slice(first.indexOf(pieces[at] ?? '')).trim()
  if (list.startsWith('[')) {
    try {
      const words: unknown = JSON.parse(list)
      if (Array.isArray(words)) return { options, words: words.map(String) }
    } catch {
      // Docker takes it for words, too.
    }
  }
  return { options, words: pieces.slice(at).map(unquote) }
}

function unquote(text: string): string {
  return text.replace(/^(["'])([\s\S]*)\1$/, '$2')
}

/**
 * Puts values in the place of `$NAME`, `${NAME}` and `${NAME:-default}`.
 * @returns undefined when one is not known
 */
export function expand(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let known = true
  const expanded = text.replace(
    /\\\$|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:[-+])([^}]*))?\})|\$/g,
    (whole, plain?: string, braced?: string, operator?: string, word?: string) => {
      if (whole === '\\$') return '$'
      const value = values.get(plain ?? braced ?? '')
      if (operator === ':-') return value || (word ?? '')
      if (operator === ':+') return value ? (word ?? '') : ''
      if (value === undefined) known = false
      return value ?? ''
    },
  )
  return known ? expanded : undefined
}
