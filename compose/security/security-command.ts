// `flowkeepctl security`: what only the host can see of images, Compose services and containers.

import { relative } from 'node:path'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { printGraph } from '../build/bake.ts'
import { fullName } from '../build/engine-images.ts'
import { writeWhole } from '../host/cache-directory.ts'
import type { Terminal } from '../host/terminal.ts'
import { checkFiles, listContainers, type Project } from '../operate/project.ts'
import type { Severity } from '../scan/finding.ts'
import { securityOptionsOfEngine } from './engine.ts'
import { acceptByFlags, exceptionRule, parseAcceptFlags } from './exceptions.ts'
import type { Finding } from './finding.ts'
import type { InspectedContainer } from './from-inspect.ts'
import { lookAtContainers, lookAtServices, resolveProject } from './look.ts'
import { countsOf, failuresOf, renderReport } from './report.ts'
import { toSarif } from './sarif.ts'
import { workloadRules } from './workload-rules.ts'

export interface SecurityOptions {
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
  const ids = new Set([...workloadRules, exceptionRule].map(({ id }) => id))
  const flags = parseAcceptFlags(options.accepted, ids)
  const findings = acceptByFlags(await look(place, options, terminal), flags)
  const time = place.now()
  if (options.sarif !== undefined) {
    writeWhole(options.sarif, `${JSON.stringify(toSarif(findings, place.version, time), null, 2)}\n`)
  }
  const { failOn } = options
  const ok = failuresOf(findings, failOn).length === 0
  if (terminal.json)
    terminal.print(JSON.stringify({ ok, failOn, time, counts: countsOf(findings), findings }))
  else terminal.print(renderReport(findings, options, terminal.look))
  return ok ? 0 : 1
}

async function look(
  { root, stack }: SecurityPlace,
  { compose, containers }: SecurityOptions,
  terminal: Terminal,
): Promise<Finding[]> {
  const isEverything = compose === undefined && containers.length === 0
  const project = compose ?? (isEverything ? stack : undefined)
  const engine = {
    securityOptions: await securityOptionsOfEngine(),
    builtHere: await builtHere(root, terminal),
  }
  const findings: Finding[] = []
  if (project) {
    checkFiles(project, '--compose')
    terminal.status('  Compose services …')
    const resolved = await resolveProject(project)
    if (Object.keys(resolved.services ?? {}).length === 0) throw noService(project)
    const [file = ''] = project.files
    findings.push(...(await lookAtServices(resolved, relative(root, file), engine, new Set())))
  }
  terminal.status('  containers …')
  const running = isEverything ? (await listContainers(stack)).filter(({ state }) => state === 'running') : []
  const names = isEverything ? running.map(({ id }) => id) : containers
  findings.push(...(await lookAtContainers(names, (container) => fileOf(container, root), engine, new Set())))
  terminal.status('')
  return findings
}

/** Names of the images that are built from this checkout and come from no registry. */
async function builtHere(root: string, terminal: Terminal): Promise<ReadonlySet<string>> {
  try {
    const tags = (await printGraph(root, [])).flatMap((target) => target.tags)
    return new Set(tags.filter((tag) => !tag.includes('/')).map(fullName))
  } catch (error) {
    if (!(error instanceof FlowkeepError)) throw error
    terminal.say(`  which images are built here cannot be told: ${error.message}`)
    return new Set()
  }
}

/** The Compose file that the engine remembers, or the container itself. */
function fileOf({ Name, Config }: InspectedContainer, root: string): string {
  const [file] = (Config?.Labels?.['com.docker.compose.project.config_files'] ?? '').split(',')
  return file ? relative(root, file) : Name.replace(/^\//, '')
}

function noService({ files }: Project): FlowkeepError {
  return new FlowkeepError('tool_failed', {
    operation: 'cannot look at the services',
    subject: files.join(', '),
    message: `${files.join(', ')} has no services`,
    hint: 'Name another file with --compose.',
  })
}
