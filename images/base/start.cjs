#!/usr/bin/env -S node --disable-sigusr1 --disable-warning=ExperimentalWarning
// Runs flowkeep.cjs, which lies beside it, with the byte code that V8 made of it when the image was built
// (flowkeep.cache, by images/compile.ts): to read 1.6 MB of JavaScript takes as long as the start of Node.js itself.
// V8 refuses byte code of another version or for other V8 flags, and then compiles as ever. It does not notice byte
// code of another program of the same length: both files come from one build.
'use strict'

// A signal that comes while the program is read must find somebody who listens, or the kernel drops it. What the
// program itself does with it, its own listeners say, which stand before the event loop first turns.
if (process.argv[2] === 'run') {
  for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
    process.on(name, () => {})
}

const { readFileSync } = require('node:fs')
const { Script } = require('node:vm')

const filename = `${__dirname}/flowkeep.cjs`

function byteCode() {
  try {
    return readFileSync(`${__dirname}/flowkeep.cache`)
  } catch {
    return undefined
  }
}

/**
 * As a function, as Node.js does with a CommonJS file. The bundle is ASCII. Its first line is for the kernel and left
 * out, so that the byte code fits whatever it says.
 */
function source() {
  const bundle = readFileSync(filename)
  const start = bundle.indexOf('#!') === 0 ? bundle.indexOf('\n') : 0
  const whole = Buffer.concat([
    Buffer.from('(function (exports, require, module, __filename, __dirname) {'),
    bundle.subarray(start),
    Buffer.from('\n})'),
  ])
  const text = whole.latin1Slice()
  free(bundle)
  free(whole)
  return text
}

/** Gives the memory back now: an idle process may never collect its garbage. Small buffers share theirs with others. */
function free(buffer) {
  if (buffer && buffer.length === buffer.buffer.byteLength) buffer.buffer.transfer(0)
}

const cachedData = byteCode()
const script = new Script(source(), { filename, cachedData })
free(cachedData)
script.runInThisContext()(exports, require, module, filename, __dirname)
