// The thread of the journal where the program is one CommonJS file that a starter reads as a script, as in the image.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundle } from '../../../../images/bundle.ts'
import { systemClock } from '../../../../supervisor/core/clock.ts'
import { checkout } from '../../../harness/checkout.ts'
import { memoryDirectory, openInProcess } from '../../../harness/journal.ts'

t.test('R8.3 the bundled program writes its journal in a thread', async (t) => {
  const directory = memoryDirectory(t)
  const output = join(directory, 'program.cjs')
  await bundle({ root: checkout, entry: 'test/fixtures/queue-worker-program.ts', output, version: '1.2.3' })
  const starter = join(directory, 'start.cjs')
  writeFileSync(
    starter,
    `const source = require('node:fs').readFileSync(${JSON.stringify(output)}, 'latin1')
     const wrapped = '(function (exports, require, module, __filename, __dirname) {' + source + '\\n})'
     new (require('node:vm').Script)(wrapped).runInThisContext()(exports, require, module, __filename, __dirname)`,
  )
  const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', starter, directory], {
    encoding: 'utf8',
  })
  t.equal(stderr, '')
  t.equal(stdout, '[{"state":"stored","seq":1}] threads: 1\nclosed\n')
  const journal = await openInProcess(directory, systemClock)
  t.equal(journal.figures.operations, 1)
  await journal.close()
})
