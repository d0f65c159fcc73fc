// Loads program.ts: in a checkout the source, in an image program.cjs, which lies beside the bundled flowkeep.cjs, with
// the byte code that V8 made of it when the image was built (program.cache, by images/compile.ts): to read 1.7 MB of
// JavaScript takes as long as the start of Node.js itself. V8 refuses byte code of another version or for other V8
// flags, and then compiles as ever. It does not notice byte code of another program of the same length: both files come
// from one build. Whoever asks on the port is answered while the files are read.

import { readFile } from 'node:fs'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { othersTurn } from './core/turn.ts'

/** The bundler knows it and drops the branch that only a checkout takes. */
declare const __FLOWKEEP_VERSION__: string | undefined

type Program = typeof import('./program.ts')

export async function loadProgram(): Promise<Program> {
  return typeof __FLOWKEEP_VERSION__ === 'string' ? loadBundled(__dirname) : import('./program.ts')
}

async function loadBundled(directory: string): Promise<Program> {
  const filename = `${directory}/program.cjs`
  const [bundle, cachedData] = await Promise.all([
    read(filename),
    read(`${directory}/program.cache`).catch(() => undefined),
  ])
  const script = new Script(asFunction(bundle), { filename, ...(cachedData && { cachedData }) })
  if (cachedData) free(cachedData)
  await othersTurn()
  const module = { exports: {} as Program }
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, directory)
  return module.exports
}

/** Not by node:fs/promises, which would first have to be loaded itself. */
function read(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readFile(path, (error, contents) => (error ? reject(error) : resolve(contents)))
  })
}

/** As Node.js does with a CommonJS file. The bundle is ASCII. */
function asFunction(bundle: Buffer): string {
  const whole = Buffer.concat([
    Buffer.from('(function (exports, require, module, __filename, __dirname) {'),
    bundle,
    Buffer.from('\n})'),
  ])
  const source = whole.toString('latin1')
  free(bundle)
  free(whole)
  return source
}

/** Gives the memory back now: an idle process may never collect its garbage. Small buffers share theirs with others. */
function free(buffer: Buffer): void {
  if (buffer.length === buffer.buffer.byteLength) (buffer.buffer as ArrayBuffer).transfer(0)
}
