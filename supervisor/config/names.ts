// From a variable's name to its place in the settings, and for a name nobody knows to the one that was probably meant.

import { nearest } from './nearest.ts'
import { type Family, families, leavesOf, schema } from './schema.ts'

/** The one variable that cannot come from a file itself. */
export const configFileVariable = schema.config.file.env

/** Where a variable belongs. For `CONTAINER_DATABASE_RPA_DB_URL`: databases, `RPA_DB`. */
export type Place =
  | { readonly family: undefined; readonly path: string }
  | { readonly family: Family; readonly group: string; readonly path: string }

const fixed = new Map(leavesOf(schema).map(({ path, setting }) => [setting.env, path]))

/** `_URL` and so on of each family, with the key it stands for; the longest first, so that it wins. */
const suffixes = new Map(
  families.map((family) => [
    family,
    leavesOf(family.schemaFor(''))
      .map(({ path, setting }) => ({ key: path, suffix: setting.env }))
      .sort((a, b) => b.suffix.length - a.suffix.length),
  ]),
)

/** Words of letters and digits joined by single underscores: no name that `__proto__` or an empty one could come from. */
const groupPattern = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/
const groupChars = 63

/** Undefined for a name the schema does not have. */
export function placeOf(name: string): Place | undefined {
  const path = fixed.get(name)
  if (path !== undefined) return { family: undefined, path }
  for (const family of families) {
    if (!name.startsWith(`${family.prefix}_`)) continue
    const rest = name.slice(family.prefix.length + 1)
    const field = suffixes.get(family)?.find(({ suffix }) => rest.endsWith(suffix))
    if (!field) continue
    const group = rest.slice(0, -field.suffix.length)
    if (!groupPattern.test(group) || group.length > groupChars) continue
    return { family, group, path: `${family.section}.${group.toLowerCase()}.${field.key}` }
  }
  return undefined
}

/** When only the name of the database or service is wrong or left out: `CONTAINER_DATABASE_<NAME>_URL`. */
export function formOfGroupMember(name: string): string | undefined {
  for (const family of families) {
    if (!name.startsWith(`${family.prefix}_`)) continue
    const field = suffixes.get(family)?.find(({ suffix }) => name.endsWith(suffix))
    if (field) return `${family.prefix}_<NAME>${field.suffix}`
  }
  return undefined
}

/** The known name that is closest to an unknown one. Keeps a `_FILE` at its end. */
export function suggestName(unknown: string): string | undefined {
  const upper = unknown.toUpperCase()
  if (placeOf(upper)) return upper
  if (!upper.endsWith('_FILE')) return suggestPlain(upper)
  const base = upper.slice(0, -'_FILE'.length)
  if (base === configFileVariable) return base
  const meant = placeOf(base) ? base : suggestPlain(base)
  return meant === undefined ? suggestPlain(upper) : `${meant}_FILE`
}

const common = 'CONTAINER_'

function suggestPlain(name: string): string | undefined {
  const rest = name.slice(common.length)
  const candidates = [...fixed.keys(), ...familyCandidates(rest)].map((known) => known.slice(common.length))
  // CONTAINER_PORT is far from CONTAINER_HTTP_PORT in letters, but only one known name ends like it.
  const byEnd = [...fixed.keys()].filter((known) => known.endsWith(`_${rest}`))
  const found = nearest(rest, candidates)
  if (found !== undefined) return common + found
  return byEnd.length === 1 ? byEnd[0] : undefined
}

/** Each way to read `DATBASE_RPA_DB_ULR` as family, group and field, with family and field put right. */
function familyCandidates(rest: string): string[] {
  const words = rest.split('_')
  if (words.length > 12) return []
  const candidates: string[] = []
  for (const family of families) {
    for (let end = 2; end < words.length; end++) {
      const group = words.slice(1, end).join('_')
      if (!groupPattern.test(group)) continue
      for (const { suffix } of suffixes.get(family) ?? [])
        candidates.push(`${family.prefix}_${group}${suffix}`)
    }
  }
  return candidates
}
