// `flowkeepctl security`: what only the host can see of images, Compose services and containers.

import { relative } from 'node:path'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { fullName } from '../build/engine-images.ts'
import type { Terminal } from '../host/terminal.ts'
import { checkFiles, listContainers, type Project } from '../operate/project.ts'
import type { Severity } from '../scan/finding.ts'
import { builtSubjects, checkPresent, replacedBy, type Subject } from '../scan/subjects.ts'
import { writeSarif } from '../scan/write-sarif.ts'
import { inspectContainers, securityOptionsOfEngine } from './engine.ts'
import { acceptByFlags, exceptionRule, parseAcceptFlags } from './exceptions.ts'
import type { Finding } from './finding.ts'
import { type ComposeProject, dockerfilesOf } from './from-compose.ts'
import type { InspectedContainer } from './from-inspect.ts'
import { imageRules } from './image-rules.ts'
import { lookAtContainers, lookAtServices, resolveProject, servicesOf } from './look.ts'
import { lookAtImages } from './look-at-images.ts'
import { countsOf, failuresOf, renderReport } from './report.ts'
import { toSarif } from './sarif.ts'
import { workloadRules } from './workload-rules.ts'

export interface SecurityOptions {
  readonly images: readonly string[]
  readonly compose: Project | undefined
  readonly containers: readonly string[]
  /** Failures of this severity or worse make the exit code 1. */
  readonly failOn: Severity
  /** `ID` or `ID=SERVICE`. */
  readonly accepted: readonly string[]
  readonly sarif: string | undefined
  readonly verbose: boolean
}

export interface SecurityPlace {
  readonly root: string
  readonly version: string
  /** The stack, for when nothing is named. */
  readonly stack: Project
  /** ISO time. */
  readonly now: () => string
}

/** @returns the exit code: 1 when something of that severity failed that nobody accepted */
export async function runSecurity(
  place: SecurityPlace,
  options: SecurityOptions,
  terminal: Terminal,
): Promise<number> {
  const ids = new Set([...imageRules, ...workloadRules, exceptionRule].map(({ id }) => id))
  const flags = parseAcceptFlags(options.accepted, ids)
  const findings = acceptByFlags(await look(place, options, terminal), flags)
  const time = place.now()
  if (options.sarif !== undefined) {
    writeSarif(options.sarif, toSarif(findings, place.version, time))
  }
  const { failOn } = options
  const ok = failuresOf(findings, failOn).length === 0
  if (terminal.json)
    terminal.print(JSON.stringify({ ok, failOn, time, counts: countsOf(findings), findings }))
  else terminal.print(renderReport(findings, options, terminal.look))
  return ok ? 0 : 1
}

/** What is missing or refused is told before anything that takes long. */
async function look(
  { root, stack, now }: SecurityPlace,
  options: SecurityOptions,
  terminal: Terminal,
): Promise<readonly Finding[]> {
  const { images, containers, compose } = options
  const isEverything = compose === undefined && images.length === 0 && containers.length === 0
  const project = compose ?? (isEverything ? stack : undefined)
  const securityOptions = await securityOptionsOfEngine()
  const resolved = project ? await resolve(project) : {}
  const inspected = await inspectContainers(isEverything ? await runningOf(stack) : containers)
  const built = await builtHere(root, terminal)
  const engine = { securityOptions, builtHere: namesFromNoRegistry(built) }
  const services = await servicesOf(resolved, engine)
  const used = services.map(({ image }) => image).filter((image) => image !== '')
  const own = isEverything ? built.map(({ image }) => image) : []
  const subjects = withDockerfiles([...own, ...(isEverything ? used : images)], built, resolved, root)
  // What is missing of the project itself is told by each of the rules.
  if (!isEverything) await checkPresent(subjects)

  const file = project && nameOf(project.files[0] as string, root)
  if (subjects.length > 0) terminal.status('  reading the images …')
  const inImages = await lookAtImages(subjects, { root, services, composeFile: file, now: now() })
  terminal.status('')
  const inServices = file === undefined ? [] : lookAtServices(services, file)
  const inContainers = await lookAtContainers(inspected, (container) => fileOf(container, root), engine)
  return [...inImages, ...inServices, ...inContainers]
}

async function resolve(project: Project): Promise<ComposeProject> {
  checkFiles(project, '--compose')
  const resolved = await resolveProject(project)
  if (Object.keys(resolved.services ?? {}).length === 0) throw noService(project)
  return resolved
}

async function runningOf(stack: Project): Promise<string[]> {
  return (await listContainers(stack)).filter(({ state }) => state === 'running').map(({ id }) => id)
}

/** The images that are built from this checkout. */
async function builtHere(root: string, terminal: Terminal): Promise<readonly Subject[]> {
  try {
    return await builtSubjects(root, [])
  } catch (error) {
    if (!(error instanceof FlowkeepError)) throw error
    terminal.say(`  which images are built here cannot be told: ${error.message}`)
    return []
  }
}

function namesFromNoRegistry(built: readonly Subject[]): ReadonlySet<string> {
  return new Set(built.map(({ image }) => fullName(image)).filter((name) => !name.includes('/')))
}

/** Each image once, with the Dockerfile that this checkout or the Compose file builds it from. */
function withDockerfiles(
  names: readonly string[],
  built: readonly Subject[],
  resolved: ComposeProject,
  root: string,
): Subject[] {
  const known = new Map<string, Omit<Subject, 'image'>>(built.map((each) => [fullName(each.image), each]))
  for (const [name, { file, contexts }] of dockerfilesOf(resolved)) {
    known.set(name, {
      file: nameOf(file, root),
      contexts: [...contexts.keys()],
      replaced: replacedBy(contexts),
    })
  }
  const distinct = new Map(names.map((name) => [fullName(name), name]))
  return [...distinct].map(([key, image]) => {
    const { file = image, contexts = [], replaced = new Map() } = known.get(key) ?? {}
    return { image, file, contexts, replaced }
  })
}

/** The Compose file that the engine remembers, or the container itself. */
function fileOf({ Name, Config }: InspectedContainer, root: string): string {
  const [file] = (Config?.Labels?.['com.docker.compose.project.config_files'] ?? '').split(',')
  return file ? nameOf(file, root) : Name.replace(/^\//, '')
}

/** From the root of the checkout, for what is in it. */
function nameOf(file: string, root: string): string {
  return file.startsWith(`${root}/`) ? relative(root, file) : file
}

function noService({ files }: Project): FlowkeepError {
  return new FlowkeepError('tool_failed', {
    operation: 'cannot look at the services',
    subject: files.join(', '),
    message: `${files.join(', ')} has no services`,
    hint: 'Name another file with --compose.',
  })
}
