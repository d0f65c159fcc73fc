// Runs a TypeScript file of this checkout from nothing: `node test/harness/bootstrap.mjs FILE.ts [ARG…]`.
// Installs the npm packages if they are missing or not those of package-lock.json, then becomes the
// checkout's own Node.js 26. Plain JavaScript: it runs under the user's Node.js, from version 20 on.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'
import {
  becomeCheckoutNode,
  checkout,
  checkoutNode,
  hasCheckoutNode,
} from '../../supervisor/core/checkout-node.mjs'

const nodeMajorMin = 20
const architectures = ['x64', 'arm64']

function main([file, ...args]) {
  if (!file) fail('usage: node test/harness/bootstrap.mjs FILE.ts [ARG…]', 64)
  checkPlatform()
  if (!isInstalled()) install()
  makeNodeStart()
  // Programs that a test or the demo starts by the name `node` get the same one.
  process.env.PATH = [join(checkout, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  becomeCheckoutNode(['--disable-warning=ExperimentalWarning', resolve(file), ...args])
}

function checkPlatform() {
  if (process.platform !== 'linux') {
    fail(`needs Linux, this is ${process.platform}. Run it in a Linux virtual machine, WSL 2 or a container.`)
  }
  if (!architectures.includes(process.arch)) fail(`needs an x64 or arm64 machine, this is ${process.arch}.`)
  if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
    fail(`needs Node.js ${nodeMajorMin} or newer to begin with, this is ${process.version}.`)
  }
}

/** Whether node_modules holds what package-lock.json names; npm leaves its own record of what it installed. */
function isInstalled() {
  const installed = readJson('node_modules/.package-lock.json')
  if (!installed || !hasCheckoutNode()) return false
  return Object.entries(readJson('package-lock.json').packages).every(([path, wanted]) => {
    const found = installed.packages[path]
    // Optional packages for other platforms are never there.
    if (!found) return path === '' || wanted.optional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(checkout, path), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function install() {
  if (isMusl()) fail('needs a Linux with glibc (Debian, Ubuntu, Fedora …), this one has musl.')
  say('installing the npm packages of package-lock.json into node_modules …')
  // NODE_ENV=production or the user's npm settings must not leave out what the tests need.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const isNpm = npm !== undefined && basename(npm).startsWith('npm-cli')
  const result = isNpm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: checkout, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: checkout, stdio: 'inherit' })
  if (result.error) fail(`cannot run npm: ${result.error.message}`)
  if (result.status !== 0) fail('npm ci failed; what it says stands above.')
  if (!hasCheckoutNode()) fail(`npm ci did not install ${checkoutNode}; are optional packages turned off?`)
}

function isMusl() {
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime === undefined
}

/** Debian's smallest installations lack libatomic.so.1, which Node.js 26 is linked against. */
function makeNodeStart() {
  const problem = startProblem()
  if (problem === undefined) return
  if (!problem.includes('libatomic.so.1')) fail(`Node.js 26 cannot start on this machine: ${problem}`)
  const canInstall = process.getuid() === 0 && existsSync('/usr/bin/apt-get')
  if (!canInstall) {
    fail(`Node.js 26 needs the library libatomic.so.1, which this machine lacks. Install it and run this again:
  Debian, Ubuntu    sudo apt-get install libatomic1
  Fedora, RHEL      sudo dnf install libatomic
  openSUSE          sudo zypper install libatomic1`)
  }
  say('Node.js 26 needs libatomic.so.1: installing the Debian package libatomic1 …')
  aptGet('update')
  aptGet('install', '-y', '--no-install-recommends', 'libatomic1')
  const remaining = startProblem()
  if (remaining !== undefined) fail(`Node.js 26 cannot start on this machine: ${remaining}`)
}

function startProblem() {
  const { status, stderr, error } = spawnSync(checkoutNode, ['--version'], { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr.trim())
}

function aptGet(...args) {
  const result = spawnSync('apt-get', ['-q', ...args], {
    // Its output is not ours: standard output belongs to the program that is started.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (result.status !== 0) fail(`apt-get ${args[0]} failed; what it says stands above.`)
}

function say(message) {
  console.error(`flowkeep: ${message}`)
}

function fail(message, code = 1) {
  say(message)
  process.exit(code)
}

main(process.argv.slice(2))
