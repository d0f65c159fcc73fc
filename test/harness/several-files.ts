// Runs several test files in one process, one after the other: loading tap costs more than most unit tests do.
// A comment in the output says which file the cases after it come from.

import { resolve } from 'node:path'
import t from 'tap'

for (const file of process.env['TEST_FILES']?.split('\n') ?? []) {
  t.comment(`file ${file}`)
  await import(resolve(file))
}
