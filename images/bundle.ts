// Builds what the images ship: the supervisor with all its packages as one CommonJS file, `dist/flowkeep.cjs`.
// Modules behind a dynamic `import()` are in it, too, but run only when that import does: `flowkeep run` listens
// to signals and answers on its port before the rest is evaluated.

import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'

export interface BundleOptions {
  /** The root directory of the checkout. */
  readonly root: string
  /** From the root. */
  readonly entry: string
  /** Absolute path of the file to write; the packages' licences go beside it. */
  readonly output: string
  readonly version: string
}

export interface Bundle {
  readonly bytes: number
  /** Licence texts of what is in it. */
  readonly licensesFile: string
}

// Optional companions that packages look for and do without.
const absentPackages = ['pg-native', 'pino-pretty']

/** @throws Error naming the first problem, warnings of the bundler included */
export async function bundle({ root, entry, output, version }: BundleOptions): Promise<Bundle> {
  const { outputFiles, metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    external: absentPackages,
    define: { __FLOWKEEP_VERSION__: JSON.stringify(version) },
    banner: { js: '#!/usr/bin/env -S node --disable-sigusr1 --disable-warning=ExperimentalWarning' },
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
    // Said even of code that is then dropped; what is left of it is looked for below.
    logOverride: { 'empty-import-meta': 'silent' },
  })
  const [warning] = warnings
  if (warning) throw new Error(`${warning.location?.file}:${warning.location?.line}: ${warning.text}`)
  const [file] = outputFiles
  if (!file) throw new Error(`cannot bundle ${entry}: the bundler wrote nothing`)
  if (/\bimport_meta\d*\b/.test(file.text)) {
    throw new Error(`cannot bundle ${entry}: it uses import.meta, which is empty in a CommonJS file`)
  }

  mkdirSync(dirname(output), { recursive: true })
  const licensesFile = output.replace(/\.cjs$/, '.licenses.txt')
  writeWhole(licensesFile, licensesOf(root, metafile), 0o644)
  writeWhole(output, file.contents, 0o755)
  return { bytes: file.contents.length, licensesFile }
}

/** Whoever reads the file meanwhile sees the old one or the new one, never half of one. */
function writeWhole(path: string, contents: string | Uint8Array, mode: number): void {
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, contents)
  chmodSync(unfinished, mode)
  renameSync(unfinished, path)
}

function licensesOf(root: string, { inputs }: Metafile): string {
  const directories = new Set(Object.keys(inputs).flatMap((path) => packageDirectory(path) ?? []))
  return [...directories]
    .sort()
    .map((directory) => licenseOf(join(root, directory)))
    .join('\n')
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` → `node_modules/a/node_modules/@b/c` */
function packageDirectory(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]
}

function licenseOf(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim())
  return [`==== ${name} ${version} (${license ?? 'see below'})`, '', ...texts, ''].join('\n')
}

async function main(): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const output = join(root, 'dist', 'flowkeep.cjs')
  const { bytes, licensesFile } = await bundle({ root, entry: 'supervisor/flowkeep.ts', output, version })
  const kilobytes = Math.round(bytes / 1000)
  console.log(`${relative(root, output)} ${version}: ${kilobytes} kB; licences in ${basename(licensesFile)}`)
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
