// Builds what the images ship, as two CommonJS files: `dist/flowkeep.cjs`, which listens to signals and answers on its
// port at once, and beside it `dist/program.cjs`, all the rest with all its packages, which the first one then loads.
// Modules behind a dynamic `import()` are in them, too, but run only when that import does. Each thread has a small
// script of its own, a text in that file, so that it doesn't load all of it once more.

import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type OutputFile } from 'esbuild'
import { lateModules } from './late-modules.ts'
import { nodeFlags } from './node-flags.ts'

export interface BundleOptions {
  /** The root directory of the checkout. */
  readonly root: string
  /** From the root. */
  readonly entry: string
  /** Absolute path of the file to write; the licences of the packages in it go beside it. */
  readonly output: string
  readonly version: string
  /** To be started by its name. */
  readonly executable?: boolean
}

/** Scripts of threads: the name by which the program knows the text, and where it begins. */
const threads = {
  __FLOWKEEP_JOURNAL_WORKER__: 'supervisor/queue/journal/worker.ts',
  __FLOWKEEP_WATCHDOG_THREAD__: 'supervisor/process/watchdog-thread.ts',
}
// Optional companions that packages look for and do without.
const absentPackages = ['pg-native', 'pino-pretty']
const firstLine = `#!/usr/bin/env -S node ${nodeFlags.join(' ')}`

/**
 * Both files of the supervisor.
 * @param directory is made if need be
 * @returns the path of the one to start
 */
export async function bundleSupervisor(root: string, directory: string, version: string): Promise<string> {
  const [program, rest] = ['flowkeep', 'program'].map((name) => ({
    root,
    version,
    entry: `supervisor/${name}.ts`,
    output: join(directory, `${name}.cjs`),
  })) as [BundleOptions, BundleOptions]
  await bundle(rest)
  await bundle({ ...program, executable: true })
  return program.output
}

/** @throws Error naming the first problem, warnings of the bundler included */
export async function bundle(options: BundleOptions): Promise<void> {
  const { root, entry, output, version, executable = false } = options
  const define: Record<string, string> = { __FLOWKEEP_VERSION__: JSON.stringify(version) }
  for (const [name, thread] of Object.entries(threads)) {
    const { file } = await script(root, thread, {})
    define[name] = JSON.stringify(file.text)
  }
  const { file, metafile } = await script(root, entry, define, executable ? firstLine : '')
  mkdirSync(dirname(output), { recursive: true })
  const licenses = licensesOf(root, metafile)
  if (licenses !== '') writeWhole(output.replace(/\.cjs$/, '.licenses.txt'), licenses, 0o644)
  writeWhole(output, file.contents, executable ? 0o755 : 0o644)
}

interface Script {
  readonly file: OutputFile
  readonly metafile: Metafile
}

/** One module with all it imports. */
async function script(
  root: string,
  entry: string,
  define: Readonly<Record<string, string>>,
  banner = '',
): Promise<Script> {
  const { outputFiles, metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    external: absentPackages,
    plugins: [lateModules],
    // Its other form asks import.meta for its own place.
    alias: { 'node-cron': join(root, 'node_modules/node-cron/dist/node-cron.cjs') },
    define,
    banner: { js: banner },
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
  return { file, metafile }
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
  const directory = join(root, 'dist')
  await bundleSupervisor(root, directory, version)
  for (const name of ['flowkeep.cjs', 'program.cjs', 'program.licenses.txt']) {
    console.log(`dist/${name}: ${Math.ceil(statSync(join(directory, name)).size / 1000)} kB`)
  }
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
