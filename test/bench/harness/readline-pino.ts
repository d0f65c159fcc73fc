// The peer `readline + pino`, as one file, so that it starts as fast as it can, here and in a container.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { checkout } from '../../harness/checkout.ts'
import type { Site } from './benchmark.ts'

export const readlinePino = 'readline + pino'

export function pinoVersion(): string {
  return JSON.parse(readFileSync(join(checkout, 'node_modules/pino/package.json'), 'utf8')).version
}

/** The path of the program. */
export async function buildReadlinePino(site: Site): Promise<string> {
  const outfile = join(site.directory, 'readline-pino.cjs')
  await build({
    absWorkingDir: checkout,
    entryPoints: ['test/bench/programs/readline-pino.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    external: ['pino-pretty'],
    logLevel: 'error',
  })
  return outfile
}
