// Everything that the image of a target is made from, by name, each with a digest. Two builds with the same inputs make
// the same image, as far as the recipe itself is honest: what a RUN fetches from the network is no input (see --pull
// and --no-cache), and secrets are none by design.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { codeOf, FlowkeepError } from '../../supervisor/core/errors.ts'
import { digestOf, readContextFiles } from './context-files.ts'
import { type Dependencies, dependenciesOf } from './dockerfile.ts'
import { type Graph, type Target, targetOfContext } from './graph.ts'

export interface Inputs {
  /** Digests by what a person calls the input: a path, `argument VERSION`, `image python:3.13`. */
  readonly own: ReadonlyMap<string, string>
  /** The targets that it is built on, directly. */
  readonly below: readonly string[]
  /** Changes whenever one of the files was touched, so that a change and its undoing during a build are seen. */
  readonly stamp: string
}

/** @param imageId the id that a name stands for on this engine, if it is there */
export type ImageId = (name: string) => string | undefined

interface Described {
  readonly target: Target
  readonly dependencies: Dependencies
}

/**
 * @param root where bake runs; relative paths begin there
 * @throws FlowkeepError when a Dockerfile is not there
 */
export function describe(graph: Graph, root: string): ReadonlyMap<string, Described> {
  const described = new Map<string, Described>()
  for (const target of graph) {
    const dependencies = dependenciesOf(dockerfileOf(target, root), {
      args: target.args,
      stage: target.stage,
      contexts: new Set(target.contexts.keys()),
    })
    described.set(target.name, { target, dependencies })
  }
  return described
}

/** The images that must be looked up before inputs can be read. */
export function upstreamImages(described: ReadonlyMap<string, Described>): string[] {
  const names = [...described.values()].flatMap(({ target, dependencies }) => [
    ...dependencies.images,
    ...[...target.contexts.values()].flatMap((context) => imageOfContext(context) ?? []),
  ])
  return [...new Set(names)]
}

export function readInputs(
  described: ReadonlyMap<string, Described>,
  root: string,
  imageId: ImageId,
): ReadonlyMap<string, Inputs> {
  return new Map(
    [...described].map(([name, { target, dependencies }]) => [
      name,
      inputsOf(target, dependencies, described, root, imageId),
    ]),
  )
}

function inputsOf(
  target: Target,
  dependencies: Dependencies,
  described: ReadonlyMap<string, Described>,
  root: string,
  imageId: ImageId,
): Inputs {
  const own = new Map<string, string>()
  const stamps: string[] = []
  const below: string[] = []
  own.set(nameOfDockerfile(target), digestOf(dependencies.recipe))
  for (const [name, value] of target.args) {
    if (dependencies.args.has(name) || /^(?:BUILDKIT_|SOURCE_DATE_EPOCH$)/.test(name)) {
      own.set(`argument ${name}`, digestOf(value))
    }
  }
  for (const [name, value] of target.settings) own.set(`bake's ${name}`, digestOf(value))
  if (target.stage !== undefined) own.set('the stage that is built', digestOf(target.stage))
  for (const image of dependencies.images) own.set(`image ${image}`, imageId(image) ?? 'not on this engine')

  const hasInherited = [...dependencies.contexts].some((name) => {
    const context = described.get(targetOfContext(target.contexts.get(name) ?? '') ?? '')
    return context?.dependencies.hasOnBuild
  })
  const sources = dependencies.sources.filter(({ context }) => context === '').map(({ path }) => path)
  if (sources.length > 0 || hasInherited) addFiles('', target.context, hasInherited ? ['.'] : sources)
  for (const name of dependencies.contexts) {
    const context = target.contexts.get(name) ?? ''
    const targetName = targetOfContext(context)
    const image = imageOfContext(context)
    if (targetName !== undefined) below.push(targetName)
    else if (image !== undefined) own.set(`image ${image}`, imageId(image) ?? 'not on this engine')
    else {
      const paths = dependencies.sources.filter((source) => source.context === name).map(({ path }) => path)
      // Without a path it is what the image starts from: an OCI layout.
      addFiles(`${name}: `, context, paths.length > 0 ? paths : ['.'])
    }
  }
  return { own, below, stamp: digestOf(stamps.join('\n')) }

  function addFiles(prefix: string, context: string, paths: readonly string[]): void {
    if (isRemote(context)) {
      own.set(`${prefix}${context}`, 'remote')
      return
    }
    const dockerfile = prefix === '' ? resolve(root, target.context, target.dockerfile) : undefined
    const { files, missing } = readContextFiles(resolve(root, context), dockerfile, paths)
    const folder = context === '.' ? '' : `${context.replace(/\/$/, '')}/`
    for (const [path, { digest, stamp }] of files) {
      own.set(`${prefix}${folder}${path}`, digest)
      stamps.push(`${path} ${stamp}`)
    }
    for (const path of missing) own.set(`${prefix}${folder}${path}`, 'missing')
  }
}

/** The inputs whose content can't be seen from here: a target that has one is always built. */
export function unseen({ own }: Inputs): string | undefined {
  return [...own].find(([, digest]) => digest === 'remote')?.[0]
}

/** What a COPY names and the build would not find. */
export function missingFrom({ own }: Inputs): string[] {
  return [...own].filter(([, digest]) => digest === 'missing').map(([name]) => name)
}

export function nameOfDockerfile({ name, dockerfile, context, inlineDockerfile }: Target): string {
  if (inlineDockerfile !== undefined) return `the inline Dockerfile of ${name}`
  return context === '.' ? dockerfile : `${context.replace(/\/$/, '')}/${dockerfile}`
}

function dockerfileOf(target: Target, root: string): string {
  if (target.inlineDockerfile !== undefined) return target.inlineDockerfile
  const path = resolve(root, target.context, target.dockerfile)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isRemote(target.context)) return ''
    throw new FlowkeepError('build_failed', {
      operation: `cannot build ${target.name}`,
      subject: path,
      message: `its Dockerfile ${path} ${codeOf(error) === 'ENOENT' ? "isn't there" : "can't be read"}`,
      hint: existsSync(resolve(root, target.context))
        ? 'Put it there, or mend `dockerfile` of this target in the bake file.'
        : 'The context is not there either: mend `context` of this target in the bake file.',
      cause: error,
    })
  }
}

function imageOfContext(context: string): string | undefined {
  return context.startsWith('docker-image://') ? context.slice('docker-image://'.length) : undefined
}

function isRemote(context: string): boolean {
  return /^(?:[a-z]+:\/\/|git@|[a-z-]+:)/.test(context) || context === '-'
}
