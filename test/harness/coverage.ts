// `npm run coverage`: the unit tier through `tap run`, which measures which lines ran, and its report.
// Slower than `npm test -- unit`, and no gate: a figure to look at.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from './checkout.ts'
import { select } from './selection.ts'
import { findTestFiles } from './tiers.ts'

const tap = 'node_modules/.bin/tap'
const builtTap = 'node_modules/@tapjs/test/test-built/dist/esm/index.js'

// A tap built with its own TypeScript loader stumbles over TypeScript 7: .taprc turns that plugin off, and
// tap has to be built once to obey.
if (readFileSync(join(checkout, builtTap), 'utf8').includes('@tapjs/typescript')) runTap('build')

const { files } = select(['unit', ...process.argv.slice(2)], findTestFiles(checkout))
process.exitCode = runTap(
  'run',
  '--reporter=silent',
  '--jobs=2',
  '--allow-incomplete-coverage',
  '--coverage-report=text',
  ...files.unit,
)

function runTap(...args: string[]): number {
  return spawnSync(tap, args, { cwd: checkout, stdio: 'inherit' }).status ?? 1
}
