// Collects the texts of all variables before convict sees any: the environment, below it the configuration file, and
// in both the files that NAME_FILE variables name. A later reading never has to ask where a value came from.

import { parseConfigFile } from './config-file.ts'
import { configFileVariable, formOfGroupMember, placeOf, suggestName } from './names.ts'
import { type Problem, printable, problem, showPath } from './problem.ts'
import { type ReadText, readText } from './read-text.ts'
import { passedThroughPrefix } from './schema.ts'

export type Source = 'environment' | 'file' | 'config_file' | 'default'

export interface Found {
  readonly text: string
  readonly source: Source
  /** The variable a person set; another one than the setting's where it was taken over from Prefect. */
  readonly name: string
  /** Where in a file it stands, for problems: ` (line 3 of /etc/flowkeep.env)`. */
  readonly where: string
}

export interface Gathered {
  /** By variable, only such as the schema has. */
  readonly values: Map<string, Found>
  /** Variables that were set but could not be read: their problem is told, they are not "not set" as well. */
  readonly broken: Set<string>
  readonly files: string[]
  readonly problems: Problem[]
  /** Told last, after what is wrong with the known ones. */
  readonly unknown: Problem[]
}

export interface Sources {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Throws an error with a `code`. */
  readFile(path: string): Buffer
}

/**
 * Names and texts of one rank: the environment, or the configuration file. Without empty ones, which count as unset:
 * platforms set variables to nothing where they cannot leave them out.
 */
type Layer = Map<string, Omit<Found, 'name'>>

export function gather(sources: Sources): Gathered {
  const gathered: Gathered = { values: new Map(), broken: new Set(), files: [], problems: [], unknown: [] }
  const environment = layerOfEnvironment(sources.environment)
  const path = environment.get(configFileVariable)?.text
  const file = path === undefined ? new Map() : layerOfFile(path, sources, gathered)
  addLayer(environment, sources, gathered)
  addLayer(file, sources, gathered)
  takeOverPrefect(sources.environment, gathered)
  return gathered
}

function layerOfEnvironment(environment: Sources['environment']): Layer {
  const layer: Layer = new Map()
  for (const name of Object.keys(environment).sort()) {
    const text = environment[name]
    if (isOurs(name) && text) layer.set(name, { text, source: 'environment', where: '' })
  }
  return layer
}

function isOurs(name: string): boolean {
  return name.startsWith('CONTAINER_') && !name.startsWith(passedThroughPrefix)
}

function layerOfFile(path: string, sources: Sources, gathered: Gathered): Layer {
  const layer: Layer = new Map()
  gathered.files.push(path)
  const content = readText(path, sources.readFile)
  if (!content.ok) {
    gathered.problems.push(fileProblem(configFileVariable, path, content))
    return layer
  }
  const file = parseConfigFile(content.text, showPath(path))
  gathered.problems.push(...file.problems)
  for (const [name, { text, line }] of file.values) {
    if (!isOurs(name) || text === '') continue
    layer.set(name, { text, source: 'config_file', where: ` (line ${line} of ${showPath(path)})` })
  }
  return layer
}

/** Adds what no higher rank has set. */
function addLayer(
  layer: Layer,
  sources: Sources,
  { values, broken, files, problems, unknown }: Gathered,
): void {
  const settled = new Set([...values.keys(), ...broken])
  for (const [name, found] of layer) {
    if (placeOf(name)) {
      if (!settled.has(name)) values.set(name, { ...found, name })
      continue
    }
    const base =
      name.endsWith('_FILE') && name !== `${configFileVariable}_FILE` ? name.slice(0, -5) : undefined
    if (base === undefined || !placeOf(base)) unknown.push(unknownProblem(name, found.where, layer))
    else if (!settled.has(base)) addFile(name, base, found)
  }

  function addFile(name: string, base: string, { text: path, where }: Omit<Found, 'name'>): void {
    const content = layer.has(base) ? undefined : readValue(path)
    if (content?.ok) {
      values.set(base, { text: content.text, source: 'file', name: base, where: ` (in ${showPath(path)})` })
      return
    }
    broken.add(base)
    problems.push(
      content
        ? fileProblem(name, path, content)
        : problem(
            base,
            `both ${base} and ${name} are set${where}`,
            'one of the two',
            `Remove ${base} or ${name}.`,
          ),
    )
  }

  function readValue(path: string): ReadText | NoPath {
    // Whoever put the secret itself into NAME_FILE must not see it in the report: only what looks like a path is shown.
    if (!/^\.{0,2}\//.test(path)) return { ok: false, wrong: undefined }
    files.push(path)
    const content = readText(path, sources.readFile)
    if (!content.ok) return content
    const text = content.text.replace(/\r?\n$/, '')
    return text === '' ? { ok: false, wrong: 'is empty' } : { ok: true, text }
  }
}

interface NoPath {
  readonly ok: false
  readonly wrong: undefined
}

function fileProblem(name: string, path: string, content: { readonly wrong: string | undefined }): Problem {
  const found =
    content.wrong === undefined
      ? `a value of ${[...path].length} characters that is no path`
      : `${showPath(path)} ${content.wrong}`
  const what = name === configFileVariable ? 'NAME=value lines' : 'the value alone'
  return problem(
    name,
    found,
    `the path of a readable file, at most 1 MiB of UTF-8 text, that holds ${what}`,
    content.wrong === undefined
      ? 'Write the absolute path of the file.'
      : 'Check the mount, its path and its owner.',
  )
}

const expectedName = 'a name that Flowkeep knows; names for the flow alone begin with CONTAINER_APP_'
const expectedGroup =
  'a <NAME> of A–Z and 0–9 in words joined by single underscores, beginning with a letter, at most 63 characters'

function unknownProblem(name: string, where: string, layer: Layer): Problem {
  const meant = suggestName(name)
  if (meant !== undefined && meant !== name && meant === name.toUpperCase()) {
    return layer.has(meant)
      ? problem(name, `the same setting as ${meant}${where}`, `only ${meant}`, `Remove ${printable(name)}.`)
      : problem(name, `lower-case letters${where}`, 'a name in upper case', `Rename it to ${meant}.`)
  }
  const form = formOfGroupMember(name)
  if (form !== undefined) {
    return problem(name, `no name of a database or service in it${where}`, expectedGroup, `Write ${form}.`)
  }
  const hint =
    meant === undefined ? 'Remove it, or see: flowkeep config --reference' : `Did you mean ${meant}?`
  return problem(name, `an unknown name${where}`, expectedName, hint)
}

/**
 * What Prefect's own client reads stands in for the variables of the service `prefect`. Its client prefers the auth
 * string when both are set, and so does this.
 */
function takeOverPrefect(environment: Sources['environment'], { values, broken }: Gathered): void {
  const prefix = 'CONTAINER_SERVICE_PREFECT'
  const take = (variable: string, from: string) => {
    const text = environment[from]
    if (!text) return false
    values.set(variable, { text, source: 'environment', name: from, where: '' })
    return true
  }
  const isSet = (variable: string) => values.has(variable) || broken.has(variable)
  if (!isSet(`${prefix}_URL`)) take(`${prefix}_URL`, 'PREFECT_API_URL')
  // A key alone belongs to a Prefect that the flow reaches in some other way.
  if (!isSet(`${prefix}_URL`) || isSet(`${prefix}_TOKEN`) || isSet(`${prefix}_AUTH`)) return
  if (!take(`${prefix}_AUTH`, 'PREFECT_API_AUTH_STRING')) take(`${prefix}_TOKEN`, 'PREFECT_API_KEY')
}
