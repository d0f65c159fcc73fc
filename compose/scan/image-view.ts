// An image as its rules look at it: its configuration and the files of each layer, read from `docker save`. Nothing of
// the image is run, and what a later layer hides is seen as well.

import { once } from 'node:events'
import { createGunzip } from 'node:zlib'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { engineProblem, lastLine } from '../host/docker.ts'
import { followOutput } from '../host/run.ts'
import { collect, createTarReader, type Sink, type TarEntry } from './tar.ts'

export interface ImageFile extends TarEntry {
  /** The beginning of those whose name tells that it matters. */
  readonly head?: Buffer
}

export type Layer = ReadonlyMap<string, ImageFile>

export interface ImageConfig {
  readonly User?: string
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Healthcheck?: { readonly Test?: readonly string[] }
  readonly Labels?: Readonly<Record<string, string>>
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Volumes?: Readonly<Record<string, object>>
}

export interface ImageView {
  readonly name: string
  readonly config: ImageConfig
  /** The commands that made it, the first one first. */
  readonly history: readonly string[]
  readonly layers: readonly Layer[]
  /** Which layer has the list of Debian's packages: images that share it have the same ones. */
  readonly packages?: string
}

const headBytes = 64 * 1024
const jsonBytesMax = 8 * 1024 * 1024
/** Files whose beginning is kept: keys and credentials. */
const telling =
  /(?:\.(?:pem|key|p12|pfx|jks|env)|(?:^|\/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.npmrc|\.pypirc|\.netrc|\.git-credentials|\.pgpass|pip\.conf|\.docker\/config\.json|\.aws\/credentials))$/

/** @throws FlowkeepError when an image isn't there */
export async function readImages(names: readonly string[]): Promise<ImageView[]> {
  const json = new Map<string, Buffer>()
  const layers = new Map<string, Map<string, ImageFile>>()
  const unpacked: Promise<unknown>[] = []
  const reader = createTarReader((entry) => {
    if (entry.kind !== 'file') return undefined
    const layer = () => {
      const files = new Map<string, ImageFile>()
      layers.set(entry.path, files)
      return layerReader(files)
    }
    return layerOrJson(entry, (content) => json.set(entry.path, content), layer, unpacked)
  })
  const { code, stderr } = await followOutput('docker', ['image', 'save', ...names], reader.push)
  if (code !== 0) throw engineProblem(stderr) ?? notThere(names.join(', '), lastLine(stderr))
  await Promise.all(unpacked)
  const manifest = parse(json.get('manifest.json')) as readonly {
    readonly Config: string
    readonly RepoTags?: readonly string[]
    readonly Layers: readonly string[]
  }[]
  return names.map((name) => {
    const image =
      manifest.length === 1
        ? manifest[0]
        : manifest.find(({ RepoTags }) => RepoTags?.some((tag) => sameName(tag, name)))
    if (!image) throw notThere(name, 'docker save did not give it')
    const { config = {}, history = [] } = parse(json.get(image.Config)) as {
      config?: ImageConfig
      history?: readonly { readonly created_by?: string }[]
    }
    const packages = image.Layers.findLast((path) => layers.get(path)?.has('var/lib/dpkg/status'))
    return {
      name,
      ...(packages !== undefined && { packages }),
      config,
      history: history.map(({ created_by = '' }) => created_by),
      layers: image.Layers.map((path) => layers.get(path) ?? new Map()),
    }
  })
}

/** The files that a container sees. */
export function visibleFiles({ layers }: ImageView): Layer {
  const seen = new Map<string, ImageFile>()
  for (const layer of layers) {
    for (const path of layer.keys()) {
      const [folder, name] = split(path)
      if (name === '.wh..wh..opq') removeBelow(folder)
      else if (name.startsWith('.wh.')) {
        const hidden = folder === '' ? name.slice(4) : `${folder}/${name.slice(4)}`
        seen.delete(hidden)
        removeBelow(hidden)
      }
    }
    for (const [path, file] of layer) if (!split(path)[1].startsWith('.wh.')) seen.set(path, file)
  }
  return seen

  function removeBelow(folder: string): void {
    for (const path of seen.keys()) if (path.startsWith(`${folder}/`)) seen.delete(path)
  }
}

function split(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf('/')
  return at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 1)]
}

/** A layer is a tar archive, perhaps compressed; everything else of interest is JSON. */
function layerOrJson(
  { path, size }: TarEntry,
  keep: (content: Buffer) => void,
  newLayer: () => Sink,
  unpacked: Promise<unknown>[],
): Sink {
  let sink: Sink | undefined
  return {
    push(chunk) {
      sink ??= sinkFor(chunk)
      sink.push(chunk)
    },
    end: () => sink?.end(),
  }

  function sinkFor(first: Buffer): Sink {
    if (first[0] === 0x1f && first[1] === 0x8b) return gunzip(newLayer(), unpacked)
    const isJson = path.endsWith('.json') || first[0] === 0x7b || first[0] === 0x5b
    if (isJson && size <= jsonBytesMax) return collect(jsonBytesMax, keep)
    return newLayer()
  }
}

function layerReader(layer: Map<string, ImageFile>): Sink {
  return createTarReader((entry) => {
    layer.set(entry.path, entry)
    if (entry.kind !== 'file' || !telling.test(entry.path)) return undefined
    return collect(headBytes, (head) => layer.set(entry.path, { ...entry, head }))
  })
}

function gunzip(into: Sink, unpacked: Promise<unknown>[]): Sink {
  const stream = createGunzip()
  stream.on('data', (chunk: Buffer) => into.push(chunk))
  unpacked.push(once(stream, 'end'))
  return { push: (chunk) => void stream.write(Buffer.from(chunk)), end: () => void stream.end() }
}

function notThere(name: string, message: string): FlowkeepError {
  return new FlowkeepError('tool_failed', {
    operation: `cannot read the image ${name}`,
    subject: name,
    message,
    hint: 'Build it first (flowkeepctl build), or pull it.',
  })
}

function sameName(tag: string, name: string): boolean {
  return tag === name || tag === `${name}:latest`
}

function parse(content: Buffer | undefined): unknown {
  return JSON.parse(content?.toString() ?? '[]')
}
