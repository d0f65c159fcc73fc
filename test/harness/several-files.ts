// Runs several test files in one process, one after the other: loading tap costs more than most unit tests do.
// A comment in the output says which file the cases after it come from.

import { resolve } from 'node:path'
import t from 'tap'

// tap's own limit counts from its start, over all files. Whoever runs this process ends it when it takes too long.
t.setTimeout(0)

for (const file of process.env['TEST_FILES']?.split('\n') ?? []) {
  t.comment(`file ${file}`)
  await import(resolve(file))
}
