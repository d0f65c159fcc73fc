// The images that are looked at, and the Dockerfiles that they come from.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { printGraph } from '../build/bake.ts'
import { imageIds } from '../build/engine-images.ts'
import { nameOfDockerfile } from '../build/inputs.ts'

export interface Subject {
  readonly image: string
  /** What is mended to mend the image: its Dockerfile, or its name where that is somebody else's. */
  readonly file: string
  readonly contexts: readonly string[]
  /** Contexts that put one image in the place of another: what stands in the Dockerfile, and what is taken. */
  readonly replaced: ReadonlyMap<string, string>
}

export interface Selection {
  /** None for the group `default`, unless images are named. */
  readonly targets: readonly string[]
  /** Images that no target makes. */
  readonly images: readonly string[]
}

/** @throws FlowkeepError `usage` for a target that bake doesn't know */
export async function subjectsOf(root: string, { targets, images }: Selection): Promise<Subject[]> {
  const others = images.map((image) => ({ image, file: image, contexts: [], replaced: new Map() }))
  if (targets.length === 0 && images.length > 0) return others
  return [...(await builtSubjects(root, targets)), ...others]
}

/** The images that are built from this checkout. */
export async function builtSubjects(root: string, targets: readonly string[]): Promise<Subject[]> {
  return (await printGraph(root, targets))
    .filter(({ isWanted, tags }) => isWanted && tags.length > 0)
    .map((target) => ({
      image: target.tags[0] as string,
      file: nameOfDockerfile(target),
      contexts: [...target.contexts.keys()],
      replaced: replacedBy(target.contexts),
    }))
}

/** @param contexts as in `base` → `target:base`, `python:3.13` → `docker-image://python:3.13@sha256:…` */
export function replacedBy(contexts: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const scheme = 'docker-image://'
  return new Map(
    [...contexts].flatMap(([name, value]) =>
      value.startsWith(scheme) ? [[name, value.slice(scheme.length)]] : [],
    ),
  )
}

/** @throws FlowkeepError that names those which are not on this engine */
export async function checkPresent(subjects: readonly Subject[]): Promise<void> {
  const there = await imageIds(subjects.map(({ image }) => image))
  const missing = subjects.filter(({ image }) => !there.has(image)).map(({ image }) => image)
  if (missing.length === 0) return
  throw new FlowkeepError('tool_failed', {
    operation: 'cannot look at an image',
    subject: missing[0] as string,
    message: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not on this engine`,
    hint: 'Build first (flowkeepctl build), or pull what is built elsewhere.',
  })
}
