// Swaps directories under a clean-up: each turn the inner directory becomes a link to `outside`, or changes places with
// it by way of another name, and comes back filled with old files. Prints how many swaps it has made.

import { mkdirSync, renameSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

const [inside = '', outside = '', turns = '0'] = process.argv.slice(2)
const victim = `${inside}/a`
const away = `${inside}/../away`

function fill(turn: number): void {
  for (const file of [`${victim}/b/one.txt`, `${victim}/b/${turn % 7}.log.1`]) {
    writeFileSync(file, 'x')
    try {
      utimesSync(file, 1, 1)
    } catch {
      // Cleaned up already, as a rotated log.
    }
  }
}

mkdirSync(`${victim}/b`, { recursive: true })
for (let turn = 0; turn < Number(turns); turn++) {
  fill(turn)
  // The outer directory, or the one within it, for a link to the sentinels.
  const [from, link] = turn % 2 === 0 ? [victim, outside] : [`${victim}/b`, `${outside}/b`]
  renameSync(from, away)
  symlinkSync(link, from)
  if (turn % 3 === 0) await setImmediate()
  unlinkSync(from)
  renameSync(away, from)
  if (turn % 5 === 0) await setImmediate()
}
process.stdout.write(turns)
