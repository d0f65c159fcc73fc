// Directories of CSV files for flow1, readable by whatever user a container runs as.

import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { checkout } from './checkout.ts'
import type { TestContext } from './container.ts'

/** Clean ones, 100,000 rows. */
export const realFiles = csvFilesIn(`${checkout}/node_modules/vega-datasets/data`)
export const malformedFiles = csvFilesIn(`${checkout}/test/fixtures/csv`)

function csvFilesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.csv'))
    .sort()
    .map((name) => join(directory, name))
}

export function inputDirectory(t: TestContext, files: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-input-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const file of files) {
    const copy = join(directory, basename(file))
    copyFileSync(file, copy)
    chmodSync(copy, 0o644)
  }
  chmodSync(directory, 0o755)
  return directory
}

/** Lines after the header. Right for files without line breaks inside quotes, as the real ones are. */
export function countRows(file: string): number {
  const text = readFileSync(file, 'latin1')
  return text.split('\n').filter((line) => line !== '').length - 1
}
