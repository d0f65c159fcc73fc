// The whole supervisor under clients that never finish a request. How long a probe takes meanwhile is measured by
// `npm run bench -- slow-clients`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const slowSockets = fileURLToPath(new URL('../../fixtures/programs/slow-sockets.cjs', import.meta.url))

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

t.test(
  '§6 R5.1 500 slow sockets: every probe is answered, memory and descriptors stay bounded and return',
  { skip: noNamespace },
  async (t) => {
    const flow = await startSupervised(t, { command: ['sleep', '60'] })
    await flow.record(({ to }) => to === 'running')
    await flow.get('/health')
    const before = { descriptors: descriptors(flow.pid), bytes: residentBytes(flow.pid) }

    const attack = spawn(process.execPath, [slowSockets, String(flow.port), '500'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => attack.kill('SIGKILL'))
    await once(attack.stdout, 'data')
    for (let probe = 0; probe < 50; probe++) {
      t.equal((await flow.get('/health')).status, 200)
      const held = descriptors(flow.pid) - before.descriptors
      t.ok(held <= limits.httpConnections + 2, `${held} descriptors more`)
    }
    const grownBytes = residentBytes(flow.pid) - before.bytes
    t.ok(grownBytes < 20e6, `${grownBytes} bytes more`)

    attack.kill('SIGKILL')
    const left = async () => descriptors(flow.pid) - before.descriptors
    await until('every descriptor is back', left, (count) => count <= 0)
    t.equal((await flow.get('/health')).status, 200)
  },
)
