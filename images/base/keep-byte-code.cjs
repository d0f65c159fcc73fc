// Preloaded by images/compile.ts: writes the byte code of the one script that supervisor/load-program.ts makes, when told where to.
'use strict'

const { writeFileSync } = require('node:fs')
const vm = require('node:vm')

let program
vm.Script = class extends vm.Script {
  constructor(...args) {
    super(...args)
    program = this
  }
}

process.once('message', (path) => {
  writeFileSync(path, program.createCachedData())
  process.send('kept')
})
