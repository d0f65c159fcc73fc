// Loads a configuration from plain objects: an environment, and files by path.

import { type Loaded, loadConfiguration, type Problem } from '../../../supervisor/config/load.ts'

export type Environment = Record<string, string | undefined>
export type Files = Record<string, string | Buffer>
export type Accepted = Extract<Loaded, { ok: true }>

/** With the one variable that has no default, so that a test only says what it is about. */
export function loadWith(environment: Environment, files: Files = {}): Loaded {
  return loadBare({ CONTAINER_FLOW_NAME: 'orders', ...environment }, files)
}

export function loadBare(environment: Environment, files: Files = {}): Loaded {
  return loadConfiguration({ environment, readFile: readFrom(files), hostname: 'box-1' })
}

export function accepted(environment: Environment, files: Files = {}): Accepted {
  const loaded = loadWith(environment, files)
  if (!loaded.ok) throw new Error(`refused: ${JSON.stringify(loaded.problems, null, 2)}`)
  return loaded
}

export function problemsWith(environment: Environment, files: Files = {}): Problem[] {
  const loaded = loadWith(environment, files)
  return loaded.ok ? [] : loaded.problems
}

/** The only problem there is. */
export function problemWith(environment: Environment, files: Files = {}): Problem {
  const problems = problemsWith(environment, files)
  if (problems.length !== 1 || !problems[0])
    throw new Error(`one problem expected: ${JSON.stringify(problems)}`)
  return problems[0]
}

function readFrom(files: Files): (path: string) => Buffer {
  return (path) => {
    const content = Object.hasOwn(files, path) ? files[path] : undefined
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return Buffer.from(content)
  }
}
