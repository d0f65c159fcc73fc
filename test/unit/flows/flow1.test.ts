// The flow's own unit tests are Python's; here each of them is run by the Python of this machine, if there is one.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'

const pythonMinor = 11
const found = spawnSync('python3', ['-c', 'import sys; print(*sys.version_info[:2])'], { encoding: 'utf8' })
const [major = 0, minor = 0] = found.status === 0 ? found.stdout.trim().split(' ').map(Number) : []
const usable = major === 3 && minor >= pythonMinor
const skip = usable ? false : `needs Python 3.${pythonMinor} or newer as python3`

t.test('R3.4 flow1 accounts for every row: stored once, or rejected with its reason', { skip }, (t) => {
  const tests = spawnSync(
    'python3',
    ['-B', '-m', 'unittest', 'discover', '--start-directory', `${checkout}/test/unit/flows/flow1`],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        PYTHONPATH: `${checkout}/images/flows/flow1`,
        FLOW1_TEST_DATA: `${checkout}/node_modules/vega-datasets/data`,
      },
    },
  )
  t.equal(tests.status, 0, tests.stderr)
  t.match(tests.stderr, /^Ran [1-9]\d* tests/m, 'tests were found')
  t.notMatch(tests.stderr, /skipped=/, 'none was skipped')
  t.end()
})
