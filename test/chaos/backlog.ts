// A queue as long as it may get: what its opening reads, and what it takes to look through all of it.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkout } from '../harness/checkout.ts'

const program = join(checkout, 'test/fixtures/journal-backlog.ts')
const operationBytes = 700
/** Whatever the length of the queue. */
const readBytesMax = 4 * 1024 * 1024
const grownBytesMax = 160 * 1024 * 1024

/** The exit code. */
export function backlog(operations: number, say: (line: string) => void): number {
  const directory = mkdtempSync(join(tmpdir(), 'fk-backlog-'))
  try {
    say(`queues ${operations} operations`)
    run('fill', directory, String(operations), String(operationBytes))
    say('opens them')
    const found = JSON.parse(run('open', directory))
    console.log(JSON.stringify(found, null, 2))
    const sound = found.operations === operations && found.taken === 500
    const bounded = found.readBytes <= readBytesMax && found.grownBytes <= grownBytesMax
    console.log(`${sound ? 'all' : 'NOT all'} are there, ${bounded ? 'within' : 'NOT within'} the bounds`)
    return sound && bounded ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function run(...args: readonly string[]): string {
  return execFileSync(process.execPath, ['--no-warnings', program, ...args], { encoding: 'utf8' })
}
