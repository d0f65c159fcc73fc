import { readFileSync } from 'node:fs'
import t from 'tap'
import { openCgroup } from '../../../supervisor/resources/cgroup.ts'

const cgroup = openCgroup()
const options = cgroup.version === undefined ? { skip: 'no cgroup is mounted here' } : {}

t.test('R6.1 the kernel of this machine is understood', options, async (t) => {
  const reading = cgroup.read()
  t.equal(
    readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup cgroup rw,memory'),
    cgroup.version === 1,
  )
  for (const [name, value] of Object.entries(reading)) {
    t.ok(value === undefined || (Number.isFinite(value) && value >= 0), `${name} ${value}`)
  }
  if (reading.memoryUsageBytes !== undefined) {
    t.ok((reading.memoryBytes ?? 0) <= reading.memoryUsageBytes)
    t.ok(reading.memoryUsageBytes >= 1024 ** 2, 'at least this very process')
  }
})

const counted = cgroup.read().cpuSeconds !== undefined
const cpuOptions = counted ? {} : { skip: 'the kernel does not count CPU time here' }

t.test('R6.1 CPU time grows with work', cpuOptions, async (t) => {
  const before = cgroup.read().cpuSeconds
  let sum = 0
  for (let n = 0; n < 50_000_000; n++) sum += n
  t.ok(sum > 0)
  t.ok((cgroup.read().cpuSeconds ?? 0) > (before ?? Number.NaN))
})
