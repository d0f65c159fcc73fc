// Modules that many packages load and few use. TLS, compression and HTTP/2 take 10 MB and a tenth of the start: in the
// bundle they are loaded when something of them is first used. What is used by nothing here is left out.

import type { Plugin } from 'esbuild'

const late = /^(?:node:)?(crypto|http2|https|tls|zlib)$/

const nothing = 'module.exports = {}'
/** Fastify makes one of each at its start, and calls it for the first route that has a schema: ours have none. */
const noSchemas =
  "module.exports = () => () => { throw new Error('what compiles schemas is left out of the bundle') }"

const unused = [
  // Of prom-client: sending metrics somewhere, and the traces of exemplars. Both are off unless asked for.
  { filter: /\/prom-client\/lib\/pushgateway\.js$/, contents: nothing },
  { filter: /\/@opentelemetry\/api\/.*\.c?js$/, contents: nothing },
  // Of Fastify: with them come ajv and half a megabyte of JavaScript.
  { filter: /\/@fastify\/(?:ajv|fast-json-stringify)-compiler\/index\.js$/, contents: noSchemas },
]

export const lateModules: Plugin = {
  name: 'late-modules',
  setup(build) {
    build.onResolve({ filter: late }, ({ path }) => ({ path: path.replace('node:', ''), namespace: 'late' }))
    build.onLoad({ filter: /./, namespace: 'late' }, ({ path }) => ({ contents: lateModule(path) }))
    for (const { filter, contents } of unused) build.onLoad({ filter }, () => ({ contents }))
  },
}

/** With a getter for each name, which also those see who copy the names. */
function lateModule(name: string): string {
  const names = Object.keys(process.getBuiltinModule(name) as object)
  return `for (const name of ${JSON.stringify(names)})
    Object.defineProperty(exports, name, { enumerable: true, get: () => process.getBuiltinModule('${name}')[name] })`
}
