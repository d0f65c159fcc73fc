// `flowkeepctl dev`: the stack with the flows' code from the checkout. A saved line of a flow starts that flow again in
// the containers that run; a saved line of anything else that is in an image rebuilds the images it is in, and replaces
// the containers made of them.
//
// Not by `docker compose watch`: it copies into containers, which a read-only root and a numeric user refuse, and it
// can't build an image on another one that it builds.

import { once } from 'node:events'
import { relative } from 'node:path'
import { FlowkeepError, messageOf } from '../../supervisor/core/errors.ts'
import { paint } from '../../supervisor/core/text-table.ts'
import { printGraph } from '../build/bake.ts'
import { type BuildPlace, inputPaths, removeReplaced, runBuild } from '../build/build-command.ts'
import { seconds } from '../host/figures.ts'
import type { Terminal } from '../host/terminal.ts'
import { listContainers, type Project } from '../operate/project.ts'
import { type CodeMount, planFor } from './changes.ts'
import { bringUp, type ProjectView, type Restarted, restartFlows, viewProject } from './containers.ts'
import { openTunnels, writeDebugFile } from './debug.ts'
import { watchFiles } from './watch-files.ts'

export interface DevPlace extends BuildPlace {
  readonly project: Project
  /** The service that runs under its debuggers. */
  readonly debug?: string
}

/** Called when everything a batch of saves asked for is done; for whoever waits for it. */
export type Done = (paths: readonly string[]) => void

/** Runs until the signal. @returns the exit code */
export async function runDev(
  given: DevPlace,
  terminal: Terminal,
  stop: AbortSignal,
  done: Done = () => {},
): Promise<number> {
  await build(given, terminal)
  const place = await withDebuggers(given)
  terminal.say('bringing the stack up …')
  await bringUp(place.project)
  const tunnels = place.debug === undefined ? undefined : await openTunnels(place.project, place.debug)
  for (const line of tunnels?.lines ?? []) terminal.print(`debugger: ${line}`)
  let view = await look(place)
  let work: Promise<void> = Promise.resolve()
  const files = watchFiles(await foldersOf(place, view.mounts), place.root, (paths) => {
    // One batch after the other; what is saved meanwhile is the next one.
    work = work.then(async () => {
      if (stop.aborted) return
      try {
        await handle(paths)
      } catch (error) {
        terminal.say(paint(describe(error), 'red', terminal.look))
      }
      done(paths)
    })
  })
  terminal.print(
    `${paint('Ready', 'bold', terminal.look)}: ${servicesOf(view.mounts).join(', ')} run the code of this checkout. Save a file; Ctrl-C ends it, and the stack stays up.`,
  )
  if (!stop.aborted) await once(stop, 'abort')
  files.close()
  tunnels?.close()
  await work
  return 0

  async function handle(paths: readonly string[]): Promise<void> {
    const plan = planFor(
      paths,
      view.mounts,
      place.project.files,
      (path) => view.inputs.has(relative(place.root, path)) || isNewInput(path),
    )
    if (plan.build.length > 0 || plan.configuration.length > 0) {
      const startedMs = performance.now()
      if (plan.build.length > 0) await build(place, terminal)
      await bringUp(place.project)
      await removeReplaced(place.cacheDirectory)
      view = await look(place)
      terminal.print(
        `${name([...plan.build, ...plan.configuration])} → built and running in ${seconds(performance.now() - startedMs)}`,
      )
    }
    await Promise.all(
      [...plan.restart].map(async ([service, saved]) => {
        for (const restarted of await restartFlows(view.name, service)) tell(restarted, saved)
      }),
    )
  }

  /** A file that wasn't there before is an input if it lies where inputs do; the build then decides. */
  function isNewInput(path: string): boolean {
    const folder = relative(place.root, path).replace(/\/[^/]*$/, '')
    return view.inputs.has(folder)
  }

  function name(paths: readonly string[]): string {
    const [first = '', ...more] = paths.map((path) => relative(place.root, path))
    return more.length === 0 ? first : `${first} and ${more.length} more`
  }

  function tell({ container, ms, problem }: Restarted, saved: readonly string[]): void {
    if (problem === undefined) terminal.print(`${name(saved)} → ${container} runs it after ${seconds(ms)}`)
    else {
      terminal.print(
        `${name(saved)} → ${paint(`${container} does not run`, 'red', terminal.look)}; mend it and save, and it is tried again:\n${problem.replace(/^/gm, '    ')}`,
      )
    }
  }
}

async function withDebuggers(place: DevPlace): Promise<DevPlace> {
  const { debug, project, root, cacheDirectory } = place
  if (debug === undefined) return place
  const file = await writeDebugFile(project, debug, root, cacheDirectory)
  return { ...place, project: { ...project, files: [...project.files, file] } }
}

interface View extends ProjectView {
  /** Paths from the root of the checkout. */
  readonly inputs: ReadonlySet<string>
}

async function look({ project, root }: DevPlace): Promise<View> {
  const services = new Set((await listContainers(project)).map(({ service }) => service))
  const [{ name, mounts }, inputs] = await Promise.all([
    viewProject(project, services, root),
    inputPaths(root),
  ])
  return { name, mounts: mounts.filter(({ source }) => inputs.has(relative(root, source))), inputs }
}

async function foldersOf({ root }: DevPlace, mounts: readonly CodeMount[]): Promise<string[]> {
  const tops = [...(await inputPaths(root))]
    .filter((path) => path.includes('/'))
    .map((path) => path.split('/')[0])
  const folders = new Set(tops.map((top) => `${root}/${top}`))
  return [
    ...folders,
    ...mounts
      .map(({ source }) => source)
      .filter((source) => ![...folders].some((folder) => source.startsWith(`${folder}/`))),
  ]
}

async function build(place: DevPlace, terminal: Terminal): Promise<void> {
  const graph = await printGraph(place.root, [])
  const targets = graph.filter(({ isWanted }) => isWanted).map(({ name }) => name)
  await runBuild(place, { targets, dryRun: false, cache: true, pull: false, push: false }, terminal)
}

function servicesOf(mounts: readonly CodeMount[]): string[] {
  return [...new Set(mounts.map(({ service }) => service))]
}

function describe(error: unknown): string {
  return error instanceof FlowkeepError ? `${error.message}\n${error.hint}` : messageOf(error)
}
