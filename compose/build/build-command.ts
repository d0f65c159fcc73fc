// `flowkeepctl build`: reads what there is, decides, builds with bake, writes down what came of it.

import { FlowkeepError, messageOf } from '../../supervisor/core/errors.ts'
import { paint } from '../../supervisor/core/text-table.ts'
import { plural, seconds } from '../host/figures.ts'
import type { Terminal } from '../host/terminal.ts'
import { bake, buildProblem, printGraph } from './bake.ts'
import { askBuilder } from './capabilities.ts'
import { type Cause, causesOf, type Decision, decide, keyOf, type Made } from './decide.ts'
import { imageIds, removeNameless } from './engine-images.ts'
import type { Graph } from './graph.ts'
import { addToHistory, type BuildEntry, measuresOf } from './history.ts'
import { describe, type Inputs, missingFrom, nameOfDockerfile, readInputs, upstreamImages } from './inputs.ts'
import { isInstruction, type Progress, type Step } from './progress.ts'
import { readRecord, readReplaced, writeRecord, writeReplaced } from './record.ts'

export interface BuildOptions {
  readonly targets: readonly string[]
  readonly dryRun: boolean
  readonly cache: boolean
  readonly pull: boolean
  readonly push: boolean
}

export interface BuildPlace {
  /** The checkout's root directory, absolute. */
  readonly root: string
  /** Where builds are remembered. */
  readonly cacheDirectory: string
  /** ISO time. */
  readonly now: () => string
}

const causesShown = 12
const slowStepMs = 300
const statusEveryMs = 1_000

interface View {
  readonly graph: Graph
  readonly inputs: ReadonlyMap<string, Inputs>
  readonly images: ReadonlyMap<string, string>
}

/** @returns the exit code: 1 with `--dry-run` when something would be built */
export async function runBuild(
  place: BuildPlace,
  options: BuildOptions,
  terminal: Terminal,
): Promise<number> {
  const startedMs = performance.now()
  const view = await look(place.root, options.targets)
  refuseMissing(view)
  const record = readRecord(place.cacheDirectory)
  const bakeOptions = optionsOf(options)
  const decisions = decide(view.graph, view.inputs, record, (tag) => view.images.get(tag)).map((decision) =>
    forced(decision, bakeOptions),
  )
  const due = decisions.filter(({ reasons }) => reasons.length > 0)
  const causes = causesOf(due)
  const report = { causes, decisions, durationMs: 0 }
  if (due.length === 0 || options.dryRun) {
    tell(terminal, { ...report, durationMs: performance.now() - startedMs }, options.dryRun)
    return due.length > 0 ? 1 : 0
  }

  for (const line of causeLines(causes)) terminal.say(line)
  const names = due.map(({ target }) => target)
  const { rawProgress, keepsImages } = await askBuilder(place.root)
  const buildMs = performance.now()
  const baked = await bake(
    place.root,
    names,
    [
      ...bakeOptions,
      ...(rawProgress ? ['--progress=rawjson'] : ['--progress=plain']),
      ...(keepsImages || options.push ? [] : ['--load']),
    ],
    (step) => tellStep(step, terminal),
    (progress) => watch(progress, terminal),
  )
  const durationMs = performance.now() - buildMs
  const images = baked.code === 0 ? await imageIds(tagsOf(view.graph)) : new Map<string, string>()
  const unchanged = due
    .filter(({ target, tags }) => {
      const before = record.get(keyOf(target, tags))?.image
      return before !== undefined && before === images.get(tags[0] ?? '')
    })
    .map(({ target }) => target)
  const entry: BuildEntry = {
    at: place.now(),
    ok: baked.code === 0,
    targets: names,
    unchanged,
    causes: causes.slice(0, causesShown).map(({ text }) => text),
    options: bakeOptions,
    durationMs: Math.round(durationMs),
    ...measuresOf(baked.progress),
  }
  remember(() => addToHistory(place.cacheDirectory, entry), terminal)
  if (baked.code !== 0) throw buildProblem(baked, names)

  const touched = remainsTrue(await look(place.root, options.targets), view)
  if (touched.length > 0) {
    terminal.say(`${touched.join(', ')} changed while it was built: the next build looks at it again.`)
  }
  remember(() => {
    writeRecord(
      place.cacheDirectory,
      recordOf(readRecord(place.cacheDirectory), due, images, touched, entry.at),
    )
  }, terminal)
  const replaced = due.flatMap(({ target, tags }) => record.get(keyOf(target, tags))?.image || [])
  await removeReplaced(place.cacheDirectory, replaced)
  tellBuilt(terminal, { causes, decisions, entry, images })
  return 0
}

/** Images that builds have taken the place of don't pile up: what has no name and no container any more goes. */
export async function removeReplaced(cacheDirectory: string, more: readonly string[] = []): Promise<void> {
  const before = readReplaced(cacheDirectory)
  const all = [...new Set([...before, ...more])]
  const left = await removeNameless(all)
  if (left.length > 0 || before.length > 0) writeReplaced(cacheDirectory, left)
}

/** Every input of every image, by its name: paths from the root of the checkout among them. */
export async function inputPaths(root: string): Promise<ReadonlySet<string>> {
  const { inputs } = await look(root, [])
  return new Set([...inputs.values()].flatMap(({ own }) => [...own.keys()]))
}

async function look(root: string, targets: readonly string[]): Promise<View> {
  const graph = await printGraph(root, targets)
  const described = describe(graph, root)
  const images = await imageIds([...tagsOf(graph), ...upstreamImages(described)])
  return { graph, images, inputs: readInputs(described, root, (name) => images.get(name)) }
}

function tagsOf(graph: Graph): string[] {
  return graph.flatMap(({ tags }) => tags)
}

function refuseMissing({ graph, inputs }: View): void {
  for (const target of graph) {
    const missing = missingFrom(inputs.get(target.name) as Inputs)
    if (missing.length === 0) continue
    throw new FlowkeepError('build_failed', {
      operation: `cannot build ${target.name}`,
      subject: missing[0] as string,
      message: `${nameOfDockerfile(target)} copies ${missing.join(', ')}, and the build would find nothing there`,
      hint: 'Mend the path, or let it through in .dockerignore.',
    })
  }
}

/** What an option asks for is built, whether anything has changed or not. */
function forced(decision: Decision, options: readonly string[]): Decision {
  const asked = options.map((name) => ({ change: 'asked' as const, name, of: decision.target }))
  return { ...decision, reasons: [...decision.reasons, ...asked] }
}

function optionsOf({ cache, pull, push }: BuildOptions): string[] {
  return [...(cache ? [] : ['--no-cache']), ...(pull ? ['--pull'] : []), ...(push ? ['--push'] : [])]
}

/** The targets of which a file was touched since. */
function remainsTrue(now: View, before: View): string[] {
  return [...before.inputs].flatMap(([name, inputs]) =>
    now.inputs.get(name)?.stamp === inputs.stamp ? [] : [name],
  )
}

function recordOf(
  record: Map<string, Made>,
  due: readonly Decision[],
  images: ReadonlyMap<string, string>,
  touched: readonly string[],
  at: string,
): Map<string, Made> {
  for (const { target, tags, inputs } of due) {
    const key = keyOf(target, tags)
    const image = images.get(tags[0] ?? '') ?? (tags.length === 0 ? '' : undefined)
    const isTrue = !Object.keys(inputs).some((name) => touched.includes(name))
    if (image !== undefined && isTrue) record.set(key, { inputs, image, at })
    else record.delete(key)
  }
  return record
}

function remember(work: () => void, terminal: Terminal): void {
  try {
    work()
  } catch (error) {
    terminal.say(`cannot remember this build, so the next one begins anew: ${messageOf(error)}`)
  }
}

function causeLines(causes: readonly Cause[]): string[] {
  const shown = causes.slice(0, causesShown).map(({ text, targets }) => `${text} → ${targets.join(', ')}`)
  const more = causes.length - shown.length
  return more > 0 ? [...shown, `… and ${plural(more, 'more cause')}`] : shown
}

function tell(
  terminal: Terminal,
  {
    causes,
    decisions,
    durationMs,
  }: { causes: readonly Cause[]; decisions: readonly Decision[]; durationMs: number },
  isDryRun: boolean,
): void {
  if (terminal.json) {
    terminal.print(
      JSON.stringify({ built: false, durationMs: Math.round(durationMs), targets: plain(decisions) }),
    )
  } else if (causes.length === 0) {
    const names = decisions.map(({ target }) => target).join(', ')
    terminal.print(
      `Nothing to build: ${names} ${decisions.length === 1 ? 'is' : 'are'} up to date (${seconds(durationMs)}).`,
    )
  } else if (isDryRun) {
    for (const line of causeLines(causes)) terminal.print(line)
    terminal.print(
      `Would build ${decisions
        .filter(({ reasons }) => reasons.length > 0)
        .map(({ target }) => target)
        .join(', ')}.`,
    )
  }
}

function tellBuilt(
  terminal: Terminal,
  built: {
    causes: readonly Cause[]
    decisions: readonly Decision[]
    entry: BuildEntry
    images: ReadonlyMap<string, string>
  },
): void {
  const { entry, decisions, images } = built
  if (terminal.json) {
    const { at: _, ok: __, causes: ___, ...measured } = entry
    terminal.print(JSON.stringify({ built: true, ...measured, targets: plain(decisions, images) }))
    return
  }
  const { steps, critical, unchanged, targets, durationMs } = entry
  const cached = `${steps.cached} of ${plural(steps.all, 'step')} from the cache`
  terminal.print(
    `${paint('Built', 'bold', terminal.look)} ${targets.join(', ')} in ${seconds(durationMs)}, ${cached}.`,
  )
  if (unchanged.length > 0) terminal.print(`Came out as before: ${unchanged.join(', ')}.`)
  const slowest = [...critical].sort((a, b) => b.ms - a.ms).slice(0, 3)
  if (slowest.length > 0) {
    terminal.print(
      `Longest on the way: ${slowest.map(({ name, ms }) => `${name} (${seconds(ms)})`).join('; ')}`,
    )
  }
}

function plain(decisions: readonly Decision[], images?: ReadonlyMap<string, string>): object[] {
  return decisions.map(({ target, tags, reasons }) => ({
    target,
    tags,
    action: reasons.length > 0 ? 'build' : 'keep',
    reasons,
    ...(images && { image: images.get(tags[0] ?? '') }),
  }))
}

function tellStep(step: Step, terminal: Terminal): void {
  const ms = step.endedMs - step.startedMs
  if (isInstruction(step) && !step.cached && ms >= slowStepMs && step.error === undefined) {
    terminal.say(`  ${seconds(ms).padStart(7)}  ${step.name}`)
  }
}

function watch(progress: Progress, terminal: Terminal): () => void {
  if (!terminal.isWatched) return () => {}
  const timer = setInterval(() => {
    const current = progress.current()
    terminal.status(
      current ? `  ${seconds(Date.now() - current.startedMs).padStart(7)}  ${current.name} …` : '',
    )
  }, statusEveryMs)
  return () => {
    clearInterval(timer)
    terminal.status('')
  }
}
