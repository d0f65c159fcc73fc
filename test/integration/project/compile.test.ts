import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundle } from '../../../images/bundle.ts'
import { compile } from '../../../images/compile.ts'
import { checkout } from '../../harness/checkout.ts'
import { catches, noNamespace, startSupervised } from '../../harness/supervised.ts'

const directory = t.testdir({
  // Tells whether V8 took the byte code that it was given; undefined where it was given none.
  'tell.cjs': `const vm = require('node:vm')
    vm.Script = class extends vm.Script {
      constructor(...args) {
        super(...args)
        console.log('rejected:', this.cachedDataRejected)
      }
    }`,
})
const cache = join(directory, 'flowkeep.cache')

t.before(async () => {
  const output = join(directory, 'flowkeep.cjs')
  await bundle({ root: checkout, entry: 'supervisor/flowkeep.ts', output, version: '1.2.3' })
  copyFileSync(join(checkout, 'images/base/start.cjs'), join(directory, 'start.cjs'))
  await compile(directory)
})

function version(): string {
  const args = ['--require', join(directory, 'tell.cjs'), join(directory, 'start.cjs'), '--version']
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
  return stdout
}

t.test('§2 the program starts from byte code', async (t) => {
  t.equal(version(), 'rejected: false\n1.2.3\n')
  // The image puts the path of its own Node.js there.
  const program = join(directory, 'flowkeep.cjs')
  writeFileSync(program, readFileSync(program, 'latin1').replace('env -S node ', 'env -S /another/node '))
  t.equal(version(), 'rejected: false\n1.2.3\n')
})

t.test(
  '§4 a stop that comes while the program is still being read is not lost',
  { skip: noNamespace },
  async (t) => {
    const sigusr2 = 12
    for (let round = 0; round < 5; round++) {
      const flow = await startSupervised(t, {
        program: join(directory, 'start.cjs'),
        command: ['sleep', '60'],
      })
      // The last of the starter's handlers; the program's own end with SIGTTOU.
      while (!catches(flow.pid, sigusr2)) await new Promise((resolve) => setImmediate(resolve))
      flow.signal('SIGTERM')
      t.match((await flow.exited).exit, { reason: 'stopped' })
    }
  },
)

t.test('§2 byte code that V8 cannot use is no harm', async (t) => {
  const whole = readFileSync(cache)
  writeFileSync(cache, whole.subarray(0, whole.length / 2))
  t.equal(version(), 'rejected: true\n1.2.3\n')
  writeFileSync(cache, 'not byte code at all, but long enough to be looked at by V8')
  t.equal(version(), 'rejected: true\n1.2.3\n')
  rmSync(cache)
  t.equal(version(), 'rejected: undefined\n1.2.3\n')
})

t.test('§2 a program that does not start is not compiled', async (t) => {
  const broken = t.testdir({
    'start.cjs': readFileSync(join(checkout, 'images/base/start.cjs')),
    'flowkeep.cjs': 'console.log("not ready")\nprocess.disconnect()',
  })
  await t.rejects(compile(broken), /cannot compile .*not ready/s)
})
