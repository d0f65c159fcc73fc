// Stands in for `node:fs`: the same, but that the simulated volume says how much room it has.

import * as fs from 'node:fs'
import { freeBytes } from './faulty-io.ts'

export * from 'node:fs'

export function statfsSync(...args: Parameters<typeof fs.statfsSync>): ReturnType<typeof fs.statfsSync> {
  const found = fs.statfsSync(...args)
  const bsize = Number(found.bsize)
  return Object.assign(found, { bavail: Math.floor(freeBytes() / bsize) })
}
