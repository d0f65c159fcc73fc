// Which image a name stands for on this engine, asked once for many names.

import { docker } from '../host/docker.ts'
import { capture } from '../host/run.ts'

/** @returns ids by name, without those that are not there */
export async function imageIds(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  const asked = names.filter((name) => !isPinned(name))
  // Its digest says it all, whether it is here or not.
  for (const name of names) if (isPinned(name)) found.set(name, name)
  if (asked.length === 0) return found
  const filters = asked.flatMap((name) => ['--filter', `reference=${fullName(name)}`])
  const format = '{{.Repository}}:{{.Tag}} {{.ID}}'
  const lines = (await docker(['image', 'ls', '--no-trunc', '--format', format, ...filters]))
    .trim()
    .split('\n')
  const ids = new Map(lines.map((line) => line.split(' ') as [string, string]))
  for (const name of asked) {
    const id = ids.get(fullName(name))
    if (id !== undefined) found.set(name, id)
  }
  return found
}

/** As the engine lists it: without Docker's own registry, with a tag. */
export function fullName(name: string): string {
  const short = name.replace(/^docker\.io\/(?:library\/)?/, '')
  const last = short.slice(short.lastIndexOf('/') + 1)
  return last.includes(':') ? short : `${short}:latest`
}

function isPinned(name: string): boolean {
  return name.includes('@')
}

/**
 * Removes those of the images that have no name any more. One that a container uses stays.
 * @returns those that are still there without a name
 */
export async function removeNameless(ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const list = await docker(['image', 'ls', '--no-trunc', '--quiet', '--filter', 'dangling=true'])
  const nameless = new Set(list.split('\n'))
  const left: string[] = []
  for (const id of ids.filter((each) => nameless.has(each))) {
    if ((await capture('docker', ['image', 'rm', id])).code !== 0) left.push(id)
  }
  return left
}
