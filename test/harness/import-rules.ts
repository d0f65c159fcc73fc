// Who may import whom: a part never imports another part, and each npm package has its one place. Pure.

import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { type Specifier, specifiersOf } from './import-specifiers.ts'

export interface SourceFile {
  /** From the root of the checkout, with slashes: `supervisor/gate/orchestrator.ts`. */
  readonly path: string
  readonly source: string
}

/** The files that put the parts together; they alone see several. */
const compositionRoots = new Set([
  'supervisor/flowkeep.ts',
  'supervisor/load-program.ts',
  'supervisor/program.ts',
  'supervisor/main.ts',
  'supervisor/alerts.ts',
  'supervisor/dependencies.ts',
  'supervisor/disk.ts',
  'supervisor/security.ts',
  'supervisor/local-queue.ts',
  'supervisor/offline-queue.ts',
  'supervisor/own-records.ts',
  'supervisor/performance.ts',
  'supervisor/reloading.ts',
  'supervisor/start-up.ts',
  'supervisor/stuck-flow.ts',
  'supervisor/cli/main.ts',
])

/** All that the programs of the host may know of the supervisor. */
const openToHostTools = new Set([
  'supervisor/core/checkout-node.mjs',
  'supervisor/core/errors.ts',
  'supervisor/core/sarif.ts',
  'supervisor/core/secret-names.ts',
  'supervisor/core/text-table.ts',
  'supervisor/core/units.ts',
])

/** Where each package may be imported. `test/` may import any. */
const packagePlaces: Readonly<Record<string, readonly string[]>> = {
  commander: ['supervisor/cli', 'compose'],
  convict: ['supervisor/config'],
  esbuild: ['images'],
  'fastest-levenshtein': ['supervisor/config'],
  fastify: ['supervisor/http'],
  'node-cron': ['supervisor/schedule'],
  'p-retry': ['supervisor/gate'],
  pg: ['supervisor/postgres'],
  pino: ['supervisor/logs'],
  'prom-client': ['supervisor/metrics'],
}

/** One line for each import that breaks a rule: `path:line imports "x": why not`. */
export function violations(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, source }) =>
    specifiersOf(source).flatMap((specifier) => {
      const problem = problemOf(path, specifier)
      return problem === undefined
        ? []
        : [`${path}:${specifier.line} imports "${specifier.name}": ${problem}`]
    }),
  )
}

function problemOf(path: string, { name }: Specifier): string | undefined {
  if (path.startsWith('test/')) return undefined
  if (name === undefined) return 'a module named at run time cannot be checked'
  if (name.startsWith('node:')) return undefined
  if (isBuiltin(name)) return `write "node:${name}"`
  if (name.startsWith('.')) return problemOfOwn(path, posix.join(posix.dirname(path), name))
  if (name.startsWith('/') || /^[a-z]+:/.test(name)) return 'only relative paths, "node:" and npm packages'
  return problemOfPackage(path, name)
}

function problemOfOwn(path: string, target: string): string | undefined {
  const [zone, targetZone] = [zoneOf(path), zoneOf(target)]
  if (target.startsWith('test/')) return 'nothing imports test/'
  if (target.startsWith('../')) return 'it lies outside of the checkout'
  if (compositionRoots.has(target)) {
    return compositionRoots.has(path) ? undefined : 'nothing imports a composition root'
  }
  if (zone === targetZone && zone !== 'supervisor') return undefined
  if (!zone.startsWith('supervisor')) {
    return openToHostTools.has(target)
      ? undefined
      : `${zone}/ may know the errors, units and tables of core/ alone`
  }
  if (!targetZone.startsWith('supervisor')) return `the supervisor does not know ${targetZone}/`
  if (compositionRoots.has(path)) return undefined
  if (zone === 'supervisor/core') return 'core/ imports nothing of ours'
  if (targetZone === 'supervisor/core') return undefined
  return 'a part imports core/ and itself alone; what else it needs is passed in'
}

function problemOfPackage(path: string, name: string): string | undefined {
  const packageName = name.split('/', name.startsWith('@') ? 2 : 1).join('/')
  const places = Object.hasOwn(packagePlaces, packageName) ? packagePlaces[packageName] : undefined
  if (!places) return 'this package has no place yet (see packagePlaces)'
  return places.includes(zoneOf(path)) ? undefined : `its place is ${places.join('/, ')}/`
}

/** `supervisor/gate`, `supervisor` for the files right in it, else the top folder. */
function zoneOf(path: string): string {
  const folders = posix.dirname(path).split('/')
  return folders.slice(0, folders[0] === 'supervisor' ? 2 : 1).join('/')
}
