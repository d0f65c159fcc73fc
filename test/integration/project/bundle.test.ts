import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { bundle } from '../../../images/bundle.ts'
import { nodeFlags } from '../../../images/node-flags.ts'
import { checkout } from '../../harness/checkout.ts'

/** Bundles a small program whose files are given, and tells where it lies. */
async function bundled(t: Test, files: Record<string, string>): Promise<string> {
  const directory = t.testdir(files)
  const output = join(directory, 'out', 'program.cjs')
  const entry = relative(checkout, join(directory, 'main.ts'))
  await bundle({ root: checkout, entry, output, version: '1.2.3', executable: true })
  return output
}

function run(program: string, ...args: string[]) {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
}

t.test('§2 a module behind import() runs only when that import does', async (t) => {
  const program = await bundled(t, {
    'main.ts': `console.log('first')
      if (process.argv[2]) import('./later.ts').then(({ name }) => console.log(name))`,
    'later.ts': `import { shared } from './shared.ts'
      console.log('later')
      export const name: string = shared`,
    'shared.ts': `console.log('shared')
      export const shared = 'name'`,
  })
  t.equal(run(program).stdout, 'first\n')
  t.equal(run(program, 'yes').stdout, 'first\nshared\nlater\nname\n')
})

t.test('§2 every package works from inside the one file', async (t) => {
  const program = await bundled(t, {
    'main.ts': `
      async function main() {
        const { default: fastify } = await import('fastify')
        const { default: pg } = await import('pg')
        const { pino } = await import('pino')
        const { Counter, Registry } = await import('prom-client')
        const { default: convict } = await import('convict')
        const { default: pRetry } = await import('p-retry')
        const { Command } = await import('commander')
        const app = fastify()
        app.get('/x', () => 'answer')
        const { body } = await app.inject('/x')
        new Counter({ name: 'c', help: 'h', registers: [new Registry()] }).inc()
        pino({ enabled: false }).info('nothing')
        convict({ a: { default: 1 } }).validate()
        await pRetry(() => 1)
        console.log(body, typeof pg.Client, new Command('x').name())
      }
      main()`,
  })
  const { stdout, stderr, status } = run(program)
  t.equal(stdout, 'answer function x\n')
  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('§2 what costs much to load is loaded when something of it is used', async (t) => {
  const program = await bundled(t, {
    'main.ts': `import { Agent } from 'node:https'
      import tls from 'node:tls'
      import * as zlib from 'node:zlib'
      import 'prom-client'
      import 'fastify'
      const late = ['crypto', 'http2', 'https', 'tls', 'zlib']
      const loaded = () => late.filter((name) => process.moduleLoadList.includes('NativeModule ' + name)).join(' ')
      console.log('first', loaded())
      console.log(zlib.crc32('x'), loaded())
      console.log(typeof new Agent(), typeof tls.connect, loaded())`,
  })
  const { stdout, stderr } = run(program)
  t.equal(stderr, '')
  t.match(stdout, /^first \n2363233923 zlib\nobject function crypto https tls zlib\n$/)
})

t.test('§2 what compiles schemas is left out, and a route that has one says so', async (t) => {
  const program = await bundled(t, {
    'main.ts': `import fastify from 'fastify'
      const schema = { querystring: { type: 'object', properties: { a: { type: 'string' } } } }
      fastify().get('/x', { schema }, () => 'answer').ready((error) => console.log(error?.message))`,
  })
  t.match(run(program).stdout, /what compiles schemas is left out of the bundle/)
  t.notMatch(readFileSync(program, 'utf8'), /json-schema\.org/)
})

t.test(
  '§2 the file carries its version, starts by itself, and names the licences of what is in it',
  async (t) => {
    const program = await bundled(t, {
      'main.ts': `import { version } from '${join(checkout, 'supervisor/core/version.ts')}'
      import pRetry from 'p-retry'
      console.log(version, process.execArgv.join(' '), typeof pRetry)`,
    })
    t.equal(statSync(program).mode & 0o777, 0o755)
    const { stdout } = spawnSync(program, { encoding: 'utf8' })
    t.equal(stdout, `1.2.3 ${nodeFlags.join(' ')} function\n`)
    const licenses = readFileSync(program.replace('.cjs', '.licenses.txt'), 'utf8')
    t.match(licenses, /==== p-retry \d+\.\d+\.\d+ \(MIT\)/)
    t.match(licenses, /Permission is hereby granted/)
  },
)

t.test('§2 what the bundler only warns about is refused', async (t) => {
  await t.rejects(bundled(t, { 'main.ts': 'console.log(import.meta.url)' }), /import\.meta/)
  await t.rejects(bundled(t, { 'main.ts': `import './absent.ts'` }), /absent\.ts/)
})
