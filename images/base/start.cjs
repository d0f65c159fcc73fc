#!/usr/bin/env -S node --disable-sigusr1 --disable-warning=ExperimentalWarning
// Runs flowkeep.cjs, which lies beside it, with the byte code that V8 made of it when the image was built
// (flowkeep.cache, by images/compile.ts): to read 1.6 MB of JavaScript takes as long as the start of Node.js itself.
// V8 refuses byte code of another version or for other V8 flags, and then compiles as ever. It does not notice byte
// code of another program of the same length: both files come from one build.
'use strict'

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

// The bundle is ASCII. Its first line is for the kernel; an empty one in its place keeps the numbers in stacks right.
const source = readFileSync(filename, 'latin1').replace(/^#!.*/, '')
const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
  filename,
  cachedData: byteCode(),
})
script.runInThisContext()(exports, require, module, filename, __dirname)
