// Reads, checks and builds the settings: all of it, or a list of everything that is wrong. Touches nothing but the
// files the configuration names, and only to read them.

import { createRedactor, type Redact } from '../core/secret.ts'
import { buildSettings, type Groups, instanceOf } from './build.ts'
import { entryOf, type SettingEntry, secretsIn } from './entry.ts'
import { placeOf } from './names.ts'
import { nearest } from './nearest.ts'
import { type Problem, problem } from './problem.ts'
import { type Resolved, resolve } from './resolve.ts'
import { checkRecordsDatabase, checkRules, checkServiceRules } from './rules.ts'
import { type Family, leavesOf, schema, type Tree } from './schema.ts'
import type { Settings } from './settings.ts'
import { type Gathered, gather, type Sources } from './sources.ts'

export type { SettingEntry } from './entry.ts'
export type { Problem } from './problem.ts'
export { readSmallFile } from './read-text.ts'
export type { Settings } from './settings.ts'

export interface ConfigurationSources extends Sources {
  readonly hostname: string
  /** The user this process runs as, where there are users. */
  readonly uid?: number | undefined
}

export type Loaded =
  | {
      readonly ok: true
      readonly settings: Settings
      /** In the order of the reference, groups by name. */
      readonly entries: SettingEntry[]
      /** By path, secrets as they are: to compare, never to show. */
      readonly values: ReadonlyMap<string, unknown>
      /** Paths that were read, to be watched. */
      readonly files: string[]
      /** Plain values for the redactor: tokens, passwords, URLs with credentials. */
      readonly secrets: string[]
    }
  | {
      readonly ok: false
      readonly problems: Problem[]
      /** Paths that were read, or could not be. */
      readonly files: string[]
    }

/** One database or service. */
interface Group {
  readonly family: Family
  /** As in the variable: `RPA_DB`. */
  readonly label: string
  readonly tree: Tree
}

interface ResolvedGroup extends Group {
  readonly resolved: Resolved<Tree>
}

export function loadConfiguration(sources: ConfigurationSources): Loaded {
  const gathered = gather(sources)
  const groups = groupsOf(gathered)
  const secrets = allSecrets([schema, ...groups.map(({ tree }) => tree)], gathered)
  const redact = createRedactor(secrets)
  const fixed = resolve(schema, gathered, redact)
  const resolvedGroups = groups.map((group) => resolveGroup(group, gathered, redact))

  const problems = [
    ...gathered.problems,
    ...fixed.problems,
    ...checkRules(fixed.leaves, sources.uid),
    ...checkRecordsDatabase(fixed.leaves, databaseNames(groups)),
    ...resolvedGroups.flatMap((group) => problemsOf(group, groups, gathered)),
    ...gathered.unknown,
  ]
  const files = [...new Set(gathered.files)]
  if (problems.length > 0) return { ok: false, problems, files }

  for (const { assertSound } of [fixed, ...resolvedGroups.map(({ resolved }) => resolved)]) assertSound()
  const settings = buildSettings(fixed.values, byName(resolvedGroups), sources.hostname)
  return {
    ok: true,
    settings,
    entries: entriesOf(fixed, resolvedGroups, instanceOf(sources.hostname)),
    values: valuesOf(fixed, resolvedGroups),
    files,
    secrets,
  }
}

/** Every group that any variable belongs to, in the order of the families and then of their names. */
function groupsOf({ values, broken }: Gathered): Group[] {
  const groups = new Map<string, Group>()
  for (const variable of [...values.keys(), ...broken]) {
    const place = placeOf(variable)
    if (!place?.family) continue
    const prefix = `${place.family.prefix}_${place.group}`
    if (groups.has(prefix)) continue
    groups.set(prefix, { family: place.family, label: place.group, tree: place.family.schemaFor(prefix) })
  }
  // CONTAINER_DATABASE_… stands before CONTAINER_SERVICE_….
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

function databaseNames(groups: readonly Group[]): string[] {
  return groups.filter(({ family }) => family.section === 'databases').map(({ label }) => label.toLowerCase())
}

function allSecrets(trees: readonly Tree[], { values }: Gathered): string[] {
  const secrets = trees
    .flatMap((tree) => leavesOf(tree))
    .flatMap(({ setting }) => {
      const found = values.get(setting.env)
      return found ? secretsIn(setting, found.text) : []
    })
  return [...new Set(secrets.map((secret) => secret.toWellFormed()))]
}

function resolveGroup(group: Group, gathered: Gathered, redact: Redact): ResolvedGroup {
  return { ...group, resolved: resolve(group.tree, gathered, redact) }
}

function problemsOf(
  { resolved, label, family }: ResolvedGroup,
  groups: readonly Group[],
  gathered: Gathered,
): Problem[] {
  const urlVariable = `${family.prefix}_${label}_URL`
  const own = resolved.problems.map((one) =>
    one.variable === urlVariable && !gathered.values.has(urlVariable) ? missingUrl(one) : one,
  )
  return family.section === 'services' ? [...own, ...checkServiceRules(resolved.leaves)] : own

  /** The group exists because something else of it is set: perhaps under a mistyped name. */
  function missingUrl({ variable, expected, hint }: Problem): Problem {
    const other = resolved.leaves.find(({ found, setting }) => found ?? gathered.broken.has(setting.env))
      ?.setting.env
    const labels = groups
      .filter((group) => group.family === family && group.label !== label)
      .map((group) => group.label)
    const meant = nearest(label, labels)
    return problem(
      variable,
      `not set, while ${other} is`,
      expected,
      meant === undefined ? hint : `Set it, or did you mean ${other?.replace(`_${label}_`, `_${meant}_`)}?`,
    )
  }
}

function byName(groups: readonly ResolvedGroup[]): Groups {
  const of = (section: Family['section']) =>
    new Map(
      groups
        .filter(({ family }) => family.section === section)
        .map(({ label, resolved }) => [label.toLowerCase(), resolved.values as never]),
    )
  return { databases: of('databases'), services: of('services') }
}

function entriesOf(
  fixed: Resolved<typeof schema>,
  groups: readonly ResolvedGroup[],
  instanceId: string,
): SettingEntry[] {
  const fixedEntries = fixed.leaves.map((leaf) => {
    const entry = entryOf(leaf, '')
    return leaf.path === 'instance.id' ? { ...entry, value: entry.value ?? instanceId } : entry
  })
  const groupEntries = groups.flatMap((group) =>
    group.resolved.leaves.map((leaf) => entryOf(leaf, pathAbove(group))),
  )
  return [...fixedEntries, ...groupEntries]
}

function valuesOf(fixed: Resolved<typeof schema>, groups: readonly ResolvedGroup[]): Map<string, unknown> {
  const ofGroups = groups.flatMap((group) =>
    group.resolved.leaves.map(({ path, value }) => [`${pathAbove(group)}${path}`, value] as const),
  )
  return new Map([...fixed.leaves.map(({ path, value }) => [path, value] as const), ...ofGroups])
}

function pathAbove({ family, label }: Group): string {
  return `${family.section}.${label.toLowerCase()}.`
}
