import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundleSupervisor } from '../../../images/bundle.ts'
import { compile } from '../../../images/compile.ts'
import { nodeFlags } from '../../../images/node-flags.ts'
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
const program = join(directory, 'flowkeep.cjs')
const cache = join(directory, 'program.cache')

t.before(async () => {
  await bundleSupervisor(checkout, directory, '1.2.3')
  await compile(directory)
})

function version(): string {
  const args = [...nodeFlags, '--require', join(directory, 'tell.cjs'), program, '--version']
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
  return stdout
}

t.test('§2 the program starts from byte code', async (t) => {
  t.equal(version(), 'rejected: false\n1.2.3\n')
  t.ok(statSync(program).size < 50_000, 'what answers first is small')
})

t.test(
  '§4 a stop that comes while the program is still being read is not lost',
  { skip: noNamespace },
  async (t) => {
    const sigusr2 = 12
    for (let round = 0; round < 5; round++) {
      const flow = await startSupervised(t, { program, command: ['sleep', '60'] })
      // Node.js has a handler for SIGTERM of its own from its start on; ours for SIGUSR2 stands right after ours.
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
    'flowkeep.cjs': readFileSync(program),
    'program.cjs': 'exports.supervise = () => { console.log("not ready"); process.exit(1) }',
  })
  await t.rejects(compile(broken), /cannot compile .*not ready/s)
})
