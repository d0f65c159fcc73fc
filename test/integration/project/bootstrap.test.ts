// A checkout in miniature: the bootstrap itself, a stand-in for npm, and this process's Node.js in the place of
// the one that npm installs.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkout } from '../../harness/checkout.ts'

const source = (path: string) => readFileSync(join(checkout, path), 'utf8')
const nodePackage = `node-linux-${process.arch}`

const lock = (version: string) => ({
  'node_modules/a': { version, integrity: 'sha512-a' },
  [`node_modules/${nodePackage}`]: { version: '26.0.0', integrity: 'sha512-n', optional: true },
})
const lockText = (packages: object) => JSON.stringify({ packages })

// What it prints last is what the tests wait for.
const program = `
  process.on('SIGTERM', () => process.exit(9))
  const [what, ...rest] = process.argv.slice(2)
  if (what === 'exit') process.exit(Number(rest[0]))
  if (what === 'die') process.kill(process.pid, 'SIGKILL')
  if (what === 'wait') setInterval(() => {}, 1000)
  console.log(JSON.stringify([what, ...rest]))`

// Leaves what npm leaves, and the arguments it was given.
const npm = `
  const fs = require('node:fs')
  fs.writeFileSync('npm-arguments', process.argv.slice(2).join(' '))
  fs.mkdirSync('node_modules/${nodePackage}/bin', { recursive: true })
  fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
  fs.symlinkSync(process.execPath, 'node_modules/${nodePackage}/bin/node')`

function miniature(t: Test, installed: 'nothing' | 'everything'): string {
  const root = t.testdir({
    'package-lock.json': lockText({
      '': {},
      ...lock('1.0.0'),
      'node_modules/elsewhere': { version: '1.0.0', optional: true, os: ['darwin'] },
    }),
    'program.ts': program,
    'npm-cli.cjs': npm,
    supervisor: { core: { 'checkout-node.mjs': source('supervisor/core/checkout-node.mjs') } },
    test: { harness: { 'bootstrap.mjs': source('test/harness/bootstrap.mjs') } },
    node_modules:
      installed === 'nothing'
        ? {}
        : {
            '.package-lock.json': lockText(lock('1.0.0')),
            [nodePackage]: { bin: { node: t.fixture('symlink', process.execPath) } },
          },
  })
  return root
}

/** @param before a statement that runs first, to make the process look like another machine's */
function argumentsFor(root: string, before: string, args: readonly string[]): string[] {
  const preload = `--import=data:text/javascript,${encodeURIComponent(before)}`
  return [preload, join(root, 'test/harness/bootstrap.mjs'), join(root, 'program.ts'), ...args]
}

function run(root: string, args: readonly string[], before = '') {
  return spawnSync(process.execPath, argumentsFor(root, before, args), {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, npm_execpath: join(root, 'npm-cli.cjs') },
  })
}

// Node.js 20 cannot replace its own process; newer ones can.
for (const [way, before] of [
  ['replacing the process', ''],
  ['with a child', 'delete process.execve'],
] as const) {
  t.test(`§3 ${way}: the program's arguments, exit code and signal are its own`, async (t) => {
    const root = miniature(t, 'everything')
    t.equal(run(root, ['a', '--b', 'c d'], before).stdout, '["a","--b","c d"]\n')
    t.equal(run(root, ['exit', '7'], before).status, 7)
    t.match(run(root, ['die'], before), { status: null, signal: 'SIGKILL' })
    t.notOk(existsSync(join(root, 'npm-arguments')), 'npm was not run, since nothing was missing')
  })

  t.test(`§3 ${way}: a signal reaches the program`, async (t) => {
    const root = miniature(t, 'everything')
    const child = spawn(process.execPath, argumentsFor(root, before, ['wait']), {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    t.same(await exitOf(child), [9, null])
  })
}

async function exitOf(child: ChildProcess): Promise<unknown[]> {
  return await once(child, 'exit')
}

t.test('§3 from nothing: the packages are installed, then the program runs', async (t) => {
  const root = miniature(t, 'nothing')
  const { stdout, stderr, status } = run(root, ['a'])
  t.equal(stdout, '["a"]\n')
  t.match(stderr, /installing the npm packages/)
  t.equal(status, 0)
  t.match(readFileSync(join(root, 'npm-arguments'), 'utf8'), /^ci --include=dev --include=optional /)

  rmSync(join(root, 'npm-arguments'))
  t.equal(run(root, ['a']).stdout, '["a"]\n')
  t.notOk(existsSync(join(root, 'npm-arguments')), 'the second time nothing is installed')
})

t.test('§3 packages that are not those of package-lock.json are installed anew', async (t) => {
  for (const installed of [lock('0.9.0'), {}]) {
    const root = miniature(t, 'everything')
    writeFileSync(join(root, 'node_modules/.package-lock.json'), lockText(installed))
    rmSync(join(root, 'node_modules', nodePackage), { recursive: true })
    t.equal(run(root, ['a']).status, 0)
    t.ok(existsSync(join(root, 'npm-arguments')))
  }
})

t.test('§3 a failing npm ends it with what to do', async (t) => {
  const root = miniature(t, 'nothing')
  writeFileSync(join(root, 'npm-cli.cjs'), 'process.exit(1)')
  t.match(run(root, ['a']), { status: 1, stderr: /npm ci failed/ })
  writeFileSync(join(root, 'npm-cli.cjs'), '')
  t.match(run(root, ['a']), { status: 1, stderr: /did not install .*optional packages/ })
})

t.test('§3 a machine that cannot run it is told so', async (t) => {
  const root = miniature(t, 'everything')
  const as = (name: string, value: string) =>
    `Object.defineProperty(process, '${name}', { value: ${JSON.stringify(value)} })`
  t.match(run(root, ['a'], as('platform', 'darwin')), { status: 1, stderr: /needs Linux, this is darwin/ })
  t.match(run(root, ['a'], as('arch', 'riscv64')), { status: 1, stderr: /needs an x64 or arm64 machine/ })
  const old = `Object.defineProperty(process, 'versions', { value: { node: '18.1.0' } })`
  t.match(run(root, ['a'], old), { status: 1, stderr: /needs Node.js 20 or newer/ })

  const musl = `process.report.getReport = () => ({ header: {} })`
  t.match(run(miniature(t, 'nothing'), ['a'], musl), { status: 1, stderr: /needs a Linux with glibc/ })
})

t.test('§3 a Node.js that cannot start says which library is missing and how to get it', async (t) => {
  const root = miniature(t, 'everything')
  const node = join(root, 'node_modules', nodePackage, 'bin', 'node')
  rmSync(node)
  const loader = (library: string) => `#!/bin/sh
    echo "node: error while loading shared libraries: ${library}: cannot open shared object file" >&2
    exit 127`
  writeFileSync(node, loader('libatomic.so.1'), { mode: 0o755 })
  const notRoot = 'process.getuid = () => 1000'
  t.match(run(root, ['a'], notRoot), { status: 1, stderr: /sudo apt-get install libatomic1/ })
  writeFileSync(node, loader('libother.so.1'), { mode: 0o755 })
  t.match(run(root, ['a'], notRoot), { status: 1, stderr: /cannot start on this machine: .*libother/ })
})
