// The files that a Dockerfile copies from a directory, as BuildKit's cache sees them: content, permissions and the
// targets of links count; times and owners don't.

import { createHash } from 'node:crypto'
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../../supervisor/core/errors.ts'
import { expressionOf, type IgnoreFile, parseIgnoreFile } from './ignore-file.ts'

export interface ContextFile {
  /** What stands for its content: it differs where the content differs. */
  readonly digest: string
  /** Differs as soon as anybody has touched the file in between, even if its content is the same again. */
  readonly stamp: string
}

export interface ContextFiles {
  /** By path from the root of the context. */
  readonly files: ReadonlyMap<string, ContextFile>
  /** Sources that name nothing, or nothing that `.dockerignore` lets through. */
  readonly missing: readonly string[]
}

/**
 * @param root the context's directory, absolute
 * @param dockerfile its path from where `root` is, absolute: an ignore file beside it goes before the context's
 * @param sources paths and patterns as COPY has them
 */
export function readContextFiles(
  root: string,
  dockerfile: string | undefined,
  sources: Iterable<string>,
): ContextFiles {
  const ignore = ignoreFileOf(root, dockerfile)
  const files = new Map<string, ContextFile>()
  const missing: string[] = []
  for (const source of new Set(sources)) {
    const found = matching(root, source, ignore).map((path) => add(path))
    if (!found.includes(true)) missing.push(source)
  }
  return { files, missing }

  /** @returns whether the build sees it, or something of it */
  function add(path: string): boolean {
    const stats = path === '' ? undefined : statsOf(join(root, path))
    if (path !== '' && !stats) return false
    const isIgnored = path !== '' && ignore.ignores(path)
    const isFolder = path === '' || (stats?.isDirectory() ?? false)
    if (!isFolder) {
      if (!isIgnored && stats) files.set(path, fileOf(join(root, path), stats))
      return !isIgnored
    }
    if (isIgnored && !ignore.mayKeepBelow(path)) return false
    const below = readdirSync(join(root, path)).map((name) => add(path === '' ? name : `${path}/${name}`))
    const isSeen = !isIgnored || below.includes(true)
    if (isSeen && stats) files.set(path, fileOf(join(root, path), stats))
    return isSeen
  }
}

function ignoreFileOf(root: string, dockerfile: string | undefined): IgnoreFile {
  const own = dockerfile === undefined ? undefined : textOf(`${dockerfile}.dockerignore`)
  return parseIgnoreFile(own ?? textOf(join(root, '.dockerignore')) ?? '')
}

/** The paths that a source of COPY means. */
function matching(root: string, source: string, ignore: IgnoreFile): string[] {
  const parts = source.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return ['']
  let paths = ['']
  for (const part of parts) {
    const isPattern = /[*?[\\]/.test(part)
    const expression = isPattern ? expressionOf(part.replace(/\*+/g, '*')) : undefined
    paths = paths.flatMap((folder) => {
      const at = (name: string) => (folder === '' ? name : `${folder}/${name}`)
      if (!expression) return [at(part)]
      const names = namesIn(join(root, folder)).filter((name) => expression.test(name))
      return names.map(at).filter((path) => !ignore.ignores(path) || ignore.mayKeepBelow(path))
    })
  }
  return paths
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return []
    throw error
  }
}

function fileOf(path: string, stats: BigIntStats): ContextFile {
  const mode = (Number(stats.mode) & 0o7777).toString(8)
  const stamp = `${stats.ino} ${stats.ctimeNs}`
  if (stats.isDirectory()) return { digest: `folder ${mode}`, stamp: '' }
  if (stats.isSymbolicLink()) return { digest: `link ${readlinkSync(path)}`, stamp }
  if (!stats.isFile()) return { digest: 'special', stamp }
  return { digest: `${mode} ${digestOf(readFileSync(path))}`, stamp }
}

export function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

function statsOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
