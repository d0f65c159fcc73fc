// `.dockerignore`, as the engine reads it: the last pattern that matches a path or one of its folders decides.
// https://docs.docker.com/build/concepts/context/#dockerignore-files

interface Pattern {
  readonly keeps: boolean
  readonly expression: RegExp
  /** Its text up to the first wildcard, to tell whether it can reach below a folder. */
  readonly prefix: string
}

export interface IgnoreFile {
  /** @param path from the root of the context, with slashes */
  ignores(path: string): boolean
  /** Whether something below an ignored folder may be kept all the same. */
  mayKeepBelow(folder: string): boolean
}

export function parseIgnoreFile(text: string): IgnoreFile {
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((line) => (line.startsWith('#') ? [] : patternOf(line.trim())))
  return {
    ignores(path) {
      const folders = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))
      let ignored = false
      for (const { keeps, expression } of patterns) {
        if (keeps === ignored && folders.some((folder) => expression.test(folder))) ignored = !keeps
      }
      return ignored
    },
    mayKeepBelow: (folder) =>
      patterns.some(
        ({ keeps, prefix }) =>
          keeps && (`${prefix}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(prefix)),
      ),
  }
}

function patternOf(line: string): Pattern[] {
  const keeps = line.startsWith('!')
  const text = clean(keeps ? line.slice(1).trim() : line)
  if (text === '' || text === '.') return []
  return [{ keeps, expression: expressionOf(text), prefix: text.replace(/[*?[\\][\s\S]*$/, '') }]
}

/** As Go's filepath.Clean does, and without a slash at the beginning. */
function clean(pattern: string): string {
  const parts: string[] = []
  for (const part of pattern.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** `*` and `?` stay within a name, `**` goes over any number of folders. */
export function expressionOf(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at)
    if (pattern.startsWith('**', at)) {
      at += pattern.charAt(at + 2) === '/' ? 2 : 1
      source += at + 1 >= pattern.length ? '.*' : '(?:.*/)?'
    } else if (character === '*') source += '[^/]*'
    else if (character === '?') source += '[^/]'
    else if (character === '\\' && at + 1 < pattern.length) source += quoted(pattern.charAt(++at))
    else if (character === '[' && pattern.indexOf(']', at) > at) {
      const end = pattern.indexOf(']', at)
      source += `[${pattern.slice(at + 1, end).replace(/\\/g, '\\\\')}]`
      at = end
    } else source += quoted(character)
  }
  return new RegExp(`^${source}$`)
}

function quoted(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\/]/, '\\$&')
}
