// The client's own unit tests are Python's; here each of them is run by the Python of this machine, if there is one.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'

const pythonMinor = 11
const found = spawnSync('python3', ['-c', 'import sys; print(*sys.version_info[:2])'], { encoding: 'utf8' })
const [major = 0, minor = 0] = found.status === 0 ? found.stdout.trim().split(' ').map(Number) : []
const usable = major === 3 && minor >= pythonMinor
const skip = usable ? false : `needs Python 3.${pythonMinor} or newer as python3`

t.test('R3.1 the Python client repeats what may be repeated and loses no record', { skip }, (t) => {
  const tests = spawnSync(
    'python3',
    [
      '-B',
      '-m',
      'unittest',
      'discover',
      '--start-directory',
      `${checkout}/test/integration/python/flowkeep_client`,
    ],
    { encoding: 'utf8', env: { ...process.env, PYTHONPATH: `${checkout}/images/python` } },
  )
  t.equal(tests.status, 0, tests.stderr)
  t.match(tests.stderr, /^Ran [1-9]\d* tests/m, 'tests were found')
  t.notMatch(tests.stderr, /skipped=/, 'none was skipped')
  t.end()
})
