// A long backlog: to open its journal and to look through all of it takes no more work and memory than a short one does.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkout } from '../../../harness/checkout.ts'
import { memoryDirectory } from '../../../harness/journal.ts'

const program = join(checkout, 'test/fixtures/journal-backlog.ts')
const megabyte = 1024 * 1024

function run(...args: readonly string[]): string {
  return execFileSync(process.execPath, ['--no-warnings', program, ...args], { encoding: 'utf8' })
}

function opened(t: Test, count: number, bytes: number) {
  const directory = memoryDirectory(t)
  run('fill', directory, String(count), String(bytes))
  return JSON.parse(run('open', directory))
}

t.test('R8.3 opening a backlog reads as much of it as its first batch needs', async (t) => {
  const found = opened(t, 16_000, 1_500)
  t.match(found, { operations: 16_000, taken: 500, late: 500, listed: 1_000 })
  t.ok(found.readBytes < 4 * megabyte, `${found.readBytes} bytes of more than 25 MB were read`)
  t.ok(found.grownBytes < 60 * megabyte, `${found.grownBytes} bytes of memory`)
})

t.test('R8.3 looking through a backlog of large operations takes the memory of a few', async (t) => {
  const found = opened(t, 150, megabyte)
  t.match(found, { operations: 150, listed: 150 })
  t.ok(found.taken < 20 && found.late < 20, `${found.taken} taken, ${found.late} late`)
  t.ok(found.grownBytes < 150 * megabyte, `${found.grownBytes} bytes of memory for 150 MB`)
})
