// Writes the package.json and package-lock.json of what the bundle is made of: bundle-packages.mjs FROM TO
// The runtime packages and esbuild are 33 MB; the whole lock file, with its test tools, PostgreSQL and two more builds
// of Node.js, is 640. What `npm ci` installs from it is the same, by version and hash.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [from, to] = process.argv.slice(2)

const readJson = (name) => JSON.parse(readFileSync(join(from, name), 'utf8'))
const writeJson = (name, value) => writeFileSync(join(to, name), `${JSON.stringify(value, null, 2)}\n`)

const { name, version, dependencies, devDependencies, optionalDependencies } = readJson('package.json')
const lock = readJson('package-lock.json')
const manifest = { name, version, dependencies: { ...dependencies, esbuild: devDependencies.esbuild } }

const isWanted = ([path, entry]) =>
  /^node_modules\/@?esbuild(\/|$)/.test(path) ||
  !(
    path === '' ||
    entry.dev ||
    entry.devOptional ||
    path.slice('node_modules/'.length) in optionalDependencies
  )
// Marked as development packages they would not be installed.
const packages = Object.entries(lock.packages)
  .filter(isWanted)
  .map(([path, { dev, ...entry }]) => [path, entry])

writeJson('package.json', manifest)
writeJson('package-lock.json', { ...lock, packages: { '': manifest, ...Object.fromEntries(packages) } })
