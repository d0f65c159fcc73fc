// Pressure stall information (https://docs.kernel.org/accounting/psi.html). With cgroup v2 it is the container's own;
// with v1 there is only that of the machine, and it says so.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pressure, StallSeconds } from '../core/performance.ts'
import { readText } from './cgroup-files.ts'
import type { CgroupDirectory } from './cgroup-paths.ts'

/** Undefined where the kernel counts none (`CONFIG_PSI`, `psi=0`). */
export function readPressure(root: string, memory: CgroupDirectory | undefined): Pressure | undefined {
  if (memory?.version === 2) {
    const own = (resource: string) => stalls(readText(memory, `${resource}.pressure`))
    const found = { cpu: own('cpu'), memory: own('memory'), io: own('io') }
    if (Object.values(found).some(Boolean)) return { of: 'container', ...found }
  }
  const machine = (resource: string) => stalls(read(join(root, 'proc/pressure', resource)))
  const found = { cpu: machine('cpu'), memory: machine('memory'), io: machine('io') }
  return Object.values(found).some(Boolean) ? { of: 'machine', ...found } : undefined
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`, and the same for `full`, which old kernels lack for the CPU. */
function stalls(text: string | undefined): StallSeconds | undefined {
  if (text === undefined) return undefined
  const total = (kind: string) => new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text)?.[1]
  const some = total('some')
  return some === undefined ? undefined : { some: Number(some) / 1e6, full: Number(total('full') ?? 0) / 1e6 }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
