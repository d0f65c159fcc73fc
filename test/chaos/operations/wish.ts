// What the runner wishes of all flows, in one small file that each of them looks at: to write in a round, or to rest.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Wish {
  readonly round: number
  readonly going: boolean
}

export function tellWish(directory: string, wish: Wish): void {
  const path = join(directory, 'wish.json')
  writeFileSync(`${path}.new`, JSON.stringify(wish))
  renameSync(`${path}.new`, path)
}

export function readWish(directory: string): Wish {
  return JSON.parse(readFileSync(join(directory, 'wish.json'), 'utf8'))
}
