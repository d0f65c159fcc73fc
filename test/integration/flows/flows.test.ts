// The flows' own tests are Python's; here each of them is run by the Python of this machine, if there is one.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'

const pythonMinor = 11
const found = spawnSync('python3', ['-c', 'import sys; print(*sys.version_info[:2])'], { encoding: 'utf8' })
const [major = 0, minor = 0] = found.status === 0 ? found.stdout.trim().split(' ').map(Number) : []
const usable = major === 3 && minor >= pythonMinor
const skip = usable ? false : `needs Python 3.${pythonMinor} or newer as python3`

const here = `${checkout}/test/integration/flows`
const packages = readdirSync(here, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
)
const sources = packages.map((name) => `${checkout}/images/flows/${name === 'worker' ? 'common' : name}`)

for (const name of packages) {
  t.test(`R3.4 ${name} accounts for every record, each with its verdict`, { skip }, (t) => {
    const tests = spawnSync(
      'python3',
      ['-B', '-m', 'unittest', 'discover', '--start-directory', `${here}/${name}`],
      {
        encoding: 'utf8',
        env: {
          ...process.env,
          PYTHONPATH: [...sources, `${checkout}/images/python`].join(':'),
          FLOW_TEST_DATA: `${checkout}/node_modules/vega-datasets/data`,
        },
      },
    )
    t.equal(tests.status, 0, tests.stderr)
    t.match(tests.stderr, /^Ran [1-9]\d* tests/m, 'tests were found')
    t.notMatch(tests.stderr, /skipped=/, 'none was skipped')
    t.end()
  })
}
