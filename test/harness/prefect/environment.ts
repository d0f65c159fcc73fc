// A Python environment with Prefect, made from PyPI by the hashes of `requirements.txt`, in the checkout: once for each
// state of that file. Where it cannot be had, a test is told why, and is skipped.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkout } from '../checkout.ts'

export type PrefectEnvironment =
  | { readonly python: string; readonly skip: false }
  | { readonly python: undefined; readonly skip: string }

const requirements = new URL('requirements.txt', import.meta.url).pathname
const pythonMin = '3.11'
const installMs = 15 * 60_000
const probe = `import sys, ensurepip; sys.exit(0 if sys.version_info >= (${pythonMin.replace('.', ', ')}) else 3)`

/** @throws Error where it cannot be had and `FLOWKEEP_REQUIRE_PREFECT=1` says that it must */
export function prefectEnvironment(): PrefectEnvironment {
  const made = make()
  if (made.skip !== false && process.env['FLOWKEEP_REQUIRE_PREFECT'] === '1')
    throw new Error(`no environment with Prefect: ${made.skip}`)
  return made
}

function make(): PrefectEnvironment {
  const usable = run('python3', ['-c', probe])
  if (usable !== undefined) return without(`needs python3, version ${pythonMin} or newer, with venv`)
  const version = spawnSync('python3', ['-c', 'import sys; print(sys.version, sys.prefix)'], {
    encoding: 'utf8',
  }).stdout
  const key = createHash('sha256').update(version).update(readFileSync(requirements)).digest('hex')
  const directory = join(checkout, 'node_modules', '.cache', `prefect-${key.slice(0, 16)}`)
  const python = join(directory, 'bin', 'python')
  if (existsSync(join(directory, 'complete'))) return { python, skip: false }
  mkdirSync(dirname(directory), { recursive: true })
  const problem = underLock(`${directory}.lock`, ['bash', '-euc', script, 'bash', directory, requirements])
  return problem === undefined ? { python, skip: false } : without(`Prefect cannot be installed: ${problem}`)
}

/** Two test files may want it at the same time: the second finds it there. */
const script = `
[[ ! -e $1/complete ]] || exit 0
rm -rf "$1"
python3 -m venv "$1"
"$1/bin/python" -m pip install -q --no-compile --disable-pip-version-check --retries 2 \\
  --only-binary :all: --require-hashes -r "$2"
touch "$1/complete"
`

function underLock(lock: string, command: readonly string[]): string | undefined {
  return run('flock', [lock, ...command])
}

/** Servers of other versions that clients meet, by the hash of their wheel. They run on the packages of the pinned one. */
export const otherVersions = {
  '3.8.8': '1ed2f23d07ce5198d2bf9bee0d03262717eac2727e1fa0c9ccb6024722f01a3b',
  '3.6.29': '1d53728cd5646d70b4158dc2517d5d3d4037a2fc2116edbb5b531fe56f2689e5',
} as const

/** @returns the directory that goes before the environment's own packages */
export function otherPrefect(python: string, version: keyof typeof otherVersions): string {
  const directory = `${dirname(dirname(python))}-with-${version}`
  const requirement = `prefect==${version} --hash=sha256:${otherVersions[version]}`
  const problem = underLock(`${directory}.lock`, [
    'bash',
    '-euc',
    other,
    'bash',
    directory,
    python,
    requirement,
  ])
  if (problem !== undefined) throw new Error(`Prefect ${version} cannot be installed: ${problem}`)
  return directory
}

const other = `
[[ ! -e $1/complete ]] || exit 0
rm -rf "$1"
"$2" -m pip install -q --no-compile --disable-pip-version-check --retries 2 \\
  --no-deps --only-binary :all: --require-hashes --target "$1" -r /dev/stdin <<<"$3"
touch "$1/complete"
`

/** What went wrong, if something did. */
function run(command: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: installMs })
  if (status === 0) return undefined
  return error?.message ?? (stderr.trim().split('\n').at(-1) || `${command} ended with ${status}`)
}

function without(skip: string): PrefectEnvironment {
  return { python: undefined, skip }
}
