// Images as the scan reads them, asked by the rules of the benchmark's section 4.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { codeOf } from '../../supervisor/core/errors.ts'
import { parseDockerfile } from '../build/dockerfile-syntax.ts'
import { fullName } from '../build/engine-images.ts'
import { dockerfileRules, foreignImages, judgeDockerfile } from '../scan/dockerfile-rules.ts'
import { judge as judgeImage } from '../scan/image-rules.ts'
import { type ImageView, readImages } from '../scan/image-view.ts'
import type { Subject as ScanSubject } from '../scan/subjects.ts'
import { imageFactsOf } from './engine.ts'
import { accept, exceptionsIn } from './exceptions.ts'
import { type Finding, findingOf } from './finding.ts'
import { type Dockerfile, type ImageSubject, imageRules } from './image-rules.ts'
import { judge } from './verdict.ts'
import type { ImageFacts, Workload } from './workload.ts'

const standInLabel = 'org.flowkeep.stand-in'

export interface ImagePlace {
  readonly root: string
  /** ISO time. */
  readonly now: string
  /** Services that may use the images, and the file that they stand in. */
  readonly services: readonly Workload[]
  readonly composeFile: string | undefined
}

/** @param images those with a Dockerfile in this checkout name it as their file, all others themselves */
export async function lookAtImages(images: readonly ScanSubject[], place: ImagePlace): Promise<Finding[]> {
  const texts = new Map(
    images.flatMap(({ image, file }) => {
      const text = file === image ? undefined : textOf(resolve(place.root, file))
      return text === undefined ? [] : [[image, text] as const]
    }),
  )
  const bases = images.flatMap((image) => basesOf(texts.get(image.image) ?? '', image))
  const facts = await imageFactsOf([...images.map(({ image }) => image), ...bases])
  const present = images.map(({ image }) => image).filter((name) => facts.has(fullName(name)))
  const views = await readAll(present)
  return images.flatMap((image) => {
    const name = image.image
    const text = texts.get(name)
    const services = place.services.filter((workload) => fullName(workload.image) === fullName(name))
    const view = views.get(name)
    const subject: ImageSubject = {
      name,
      view,
      createdAt: facts.get(fullName(name))?.createdAt,
      isStandIn: isStandIn(facts.get(fullName(name))),
      found: new Map([...foundIn(view), ...foundInBuild(text, image.contexts, view)]),
      dockerfile: text === undefined ? undefined : dockerfileOf(text, image, facts),
      services,
      now: place.now,
    }
    const exceptions = new Map(services.flatMap(({ labels }) => [...exceptionsIn(labels)]))
    const about = {
      section: 'images' as const,
      subject: name,
      services: services.map((workload) => workload.name),
      file: text !== undefined ? image.file : services.length > 0 ? (place.composeFile ?? name) : name,
    }
    return imageRules.map((rule) => accept(findingOf(rule, judge(rule, subject), about), exceptions))
  })
}

/** @returns undefined where there is no such file: the Dockerfile may be inline, or in another repository */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** Images that are named by a digest have no tag by which one could be told from another. */
async function readAll(names: readonly string[]): Promise<ReadonlyMap<string, ImageView>> {
  const tagged = names.filter((name) => !name.includes('@'))
  const pinned = names.filter((name) => name.includes('@'))
  const views = tagged.length > 0 ? await readImages(tagged) : []
  for (const name of pinned) views.push(...(await readImages([name])))
  return new Map(views.map((view) => [view.name, view]))
}

function foundIn(view: ImageView | undefined): [string, string | undefined][] {
  return view ? judgeImage(view).map(({ rule, found }) => [rule.id, found]) : []
}

function foundInBuild(
  text: string | undefined,
  contexts: readonly string[],
  view: ImageView | undefined,
): [string, string | undefined][] {
  if (text !== undefined) return judgeDockerfile(text, contexts).map(({ rule, found }) => [rule.id, found])
  const { instructions } = parseDockerfile(dockerfileFromHistory(view?.history ?? []))
  const own = new Set<string>()
  return dockerfileRules.map((rule) => [rule.id, rule.look(instructions, own)])
}

/** The commands of an image's last stage, as far as its history tells them. The first one brings the root file system. */
export function dockerfileFromHistory(history: readonly string[]): string {
  return history
    .filter((line, index) => index > 0 || !/\bADD\b/.test(line))
    .map((line) =>
      line
        .replace(/^\/bin\/sh -c #\(nop\)\s*/, '')
        .replace(/^\/bin\/sh -c /, 'RUN ')
        .replace(/^(?:RUN )?\|\d+ .*?\/bin\/sh -c /, 'RUN ')
        .replace(/^RUN \/bin\/sh -c /, 'RUN ')
        .replace(/\s*# buildkit$/, '')
        .replaceAll('\n', ' '),
    )
    .join('\n')
}

function dockerfileOf(text: string, image: ScanSubject, facts: ReadonlyMap<string, ImageFacts>): Dockerfile {
  const bases = basesOf(text, image)
  return { bases: bases.map((name) => ({ name, isStandIn: isStandIn(facts.get(fullName(name))) })) }
}

/** The images that are really taken. */
function basesOf(text: string, { contexts, replaced }: ScanSubject): string[] {
  const others = contexts.filter((name) => !replaced.has(name))
  return foreignImages(text, others).map((name) => replaced.get(name) ?? name)
}

function isStandIn(facts: ImageFacts | undefined): boolean {
  return facts?.labels[standInLabel] === 'true'
}
