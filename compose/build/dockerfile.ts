// What the image of a Dockerfile depends on: of its stages only those that lead to the one that is built, and of those
// the instructions, the files they copy from each context, the images they start from, the arguments they declare.
// Where a name can't be made out (a variable that only a shell would know) the whole context counts: an image built
// needlessly is a matter of seconds, a stale one of days.

import { expand, type Instruction, parseDockerfile, wordsOf } from './dockerfile-syntax.ts'

export interface BuildSettings {
  readonly args: ReadonlyMap<string, string>
  /** The stage that is built; the last one when undefined. */
  readonly stage: string | undefined
  /** Names of the contexts beside the main one. */
  readonly contexts: ReadonlySet<string>
}

export interface Source {
  /** The name of a context; the main one when empty. */
  readonly context: string
  /** A path or a pattern in it, `.` for all of it. */
  readonly path: string
}

export interface Dependencies {
  /** Everything that is done, one instruction a line. */
  readonly recipe: string
  readonly sources: readonly Source[]
  /** Contexts that are read in any way. */
  readonly contexts: ReadonlySet<string>
  readonly images: ReadonlySet<string>
  /** Build arguments that can make a difference. */
  readonly args: ReadonlySet<string>
  /** It has instructions that are carried out in images built on it. */
  readonly hasOnBuild: boolean
}

interface Stage {
  readonly name: string | undefined
  /** What stands behind FROM. */
  readonly from: string
  readonly instructions: Instruction[]
}

export function dependenciesOf(text: string, settings: BuildSettings): Dependencies {
  const { instructions, frontend } = parseDockerfile(text)
  const firstFrom = instructions.findIndex(({ keyword }) => keyword === 'FROM')
  const preamble = firstFrom === -1 ? instructions : instructions.slice(0, firstFrom)
  const stages = stagesOf(instructions.slice(preamble.length))
  const globals = new Map<string, string>()
  const found = {
    recipe: preamble.map(({ keyword, rest }) => `${keyword} ${rest}`),
    sources: [] as Source[],
    contexts: new Set<string>(),
    images: new Set<string>(frontend === undefined ? [] : [frontend]),
    args: new Set<string>(),
    hasOnBuild: false,
  }
  for (const instruction of preamble) declare(instruction, globals, new Map(), settings, found.args)
  visit(indexOf(settings.stage, stages) ?? stages.length - 1, new Set())
  return { ...found, recipe: found.recipe.join('\n') }

  function visit(index: number, seen: Set<number>): void {
    const stage = stages[index]
    if (!stage || seen.has(index)) return
    seen.add(index)
    found.recipe.push(`FROM ${stage.from}`)
    refer(expand(stage.from, globals) ?? stage.from, index, seen)
    // What a stage before has set is not known here; such a path counts as the whole context.
    const values = new Map<string, string>()
    for (const instruction of stage.instructions) {
      found.recipe.push(`${instruction.keyword} ${instruction.rest}`)
      declare(instruction, values, globals, settings, found.args)
      if (instruction.keyword === 'ONBUILD') found.hasOnBuild = true
      for (const { from, path } of readsOf(instruction)) {
        const known = from === undefined ? '' : expand(from, values)
        if (known === '') found.sources.push({ context: '', path: expand(path, values) ?? '.' })
        else if (known !== undefined) {
          const context = refer(known, index, seen)
          if (context !== undefined) found.sources.push({ context, path: expand(path, values) ?? '.' })
        }
      }
    }
  }

  /** @returns the context that the name stands for, if it is one */
  function refer(name: string, before: number, seen: Set<number>): string | undefined {
    if (settings.contexts.has(name)) {
      found.contexts.add(name)
      return name
    }
    const stage = indexOf(name, stages.slice(0, before))
    if (stage !== undefined) visit(stage, seen)
    else if (name !== 'scratch') found.images.add(name)
    return undefined
  }
}

function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const stages: Stage[] = []
  for (const instruction of instructions) {
    if (instruction.keyword !== 'FROM') stages.at(-1)?.instructions.push(instruction)
    else {
      const { words } = wordsOf(instruction.rest)
      const [from = '', as, name] = words
      stages.push({ name: as?.toUpperCase() === 'AS' ? name : undefined, from, instructions: [] })
    }
  }
  return stages
}

function indexOf(name: string | undefined, stages: readonly Stage[]): number | undefined {
  if (name === undefined) return undefined
  // The last one of that name, as BuildKit has it.
  const named = stages.findLastIndex((stage) => stage.name?.toLowerCase() === name.toLowerCase())
  if (named !== -1) return named
  return /^\d+$/.test(name) && Number(name) < stages.length ? Number(name) : undefined
}

/** Keeps what ARG and ENV set, as far as it is known before the build. */
function declare(
  { keyword, rest }: Instruction,
  values: Map<string, string>,
  globals: ReadonlyMap<string, string>,
  { args }: BuildSettings,
  declared: Set<string>,
): void {
  if (keyword !== 'ARG' && keyword !== 'ENV') return
  const { words } = wordsOf(rest)
  // The old form `ENV NAME value`.
  const pairs =
    keyword === 'ENV' && !words[0]?.includes('=') ? [`${words[0]}=${words.slice(1).join(' ')}`] : words
  for (const pair of pairs) {
    const [name = '', ...more] = pair.split('=')
    const value = more.length === 0 ? globals.get(name) : expand(more.join('='), values)
    const given = keyword === 'ARG' ? args.get(name) : undefined
    if (keyword === 'ARG') declared.add(name)
    const known = given ?? value
    if (known === undefined) values.delete(name)
    else values.set(name, known)
  }
}

interface Read {
  readonly from: string | undefined
  readonly path: string
}

function readsOf({ keyword, rest }: Instruction): Read[] {
  const { options, words } = wordsOf(rest)
  if (keyword === 'COPY' || keyword === 'ADD') {
    const from = options.find((option) => option.has('from'))?.get('from')
    const local = words.slice(0, -1).filter((path) => !path.startsWith('<<') && !isRemote(keyword, path))
    return local.map((path) => ({ from, path }))
  }
  if (keyword !== 'RUN') return []
  return options.flatMap((option) => {
    const mount = option.get('mount')
    return mount === undefined ? [] : mountReads(mount)
  })
}

/** `type=bind,source=images,target=/images`; without a source all of it, without `from` the main context. */
function mountReads(mount: string): Read[] {
  const fields = new Map(
    mount.split(',').map((field) => [field.split('=')[0], field.split('=').slice(1).join('=')]),
  )
  const type = fields.get('type') ?? 'bind'
  const from = fields.get('from')
  if (type !== 'bind' && (type !== 'cache' || from === undefined)) return []
  return [{ from, path: fields.get('source') ?? fields.get('src') ?? '.' }]
}

function isRemote(keyword: string, path: string): boolean {
  return keyword === 'ADD' && /^(?:https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(path)
}
