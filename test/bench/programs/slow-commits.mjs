// Preloaded: each commit of SQLite takes so much longer, in whatever thread it is made, as it does on a slow disk.
//   --import slow-commits.mjs?MS   (a worker has no environment)

import { DatabaseSync } from 'node:sqlite'

const delayMs = Number(new URL(import.meta.url).search.slice(1))
const nobody = new Int32Array(new SharedArrayBuffer(4))
const { prepare } = DatabaseSync.prototype

DatabaseSync.prototype.prepare = function prepareSlow(sql) {
  const statement = prepare.call(this, sql)
  if (sql !== 'COMMIT') return statement
  const run = statement.run.bind(statement)
  statement.run = () => {
    Atomics.wait(nobody, 0, 0, delayMs)
    return run()
  }
  return statement
}
