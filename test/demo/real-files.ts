// The CSV files of the npm package vega-datasets: airports, weather, flights, bird strikes and more. Every one of their
// lines after the header is a sound record, and no record has more than one line.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DataFile, linesOf } from './data-file.ts'

const directory = fileURLToPath(new URL('../data/', import.meta.resolve('vega-datasets')))

/** The story needs one to be killed in, and one that comes late. */
const filesMin = 3

/** All of them, or, beginning with the smallest, as many as it takes to have this many rows. Smallest first. */
export function realFiles(rowsWanted = Number.POSITIVE_INFINITY): DataFile[] {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.csv'))
    .map(readFile)
    .sort((a, b) => a.rows - b.rows)
  let rows = 0
  return files.filter((file, index) => {
    const isWanted = rows < rowsWanted || index < filesMin
    if (isWanted) rows += file.rows
    return isWanted
  })
}

function readFile(name: string): DataFile {
  const bytes = readFileSync(join(directory, name))
  return { name, bytes, hasHeader: true, rows: linesOf({ bytes }).length - 1, rejects: {} }
}
