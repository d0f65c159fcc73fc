// What happens on the way to the server, at the moment that hurts.

import pg from 'pg'
import { until } from '../../../harness/until.ts'
import type { Member } from '../member.ts'
import { databaseName } from '../plan.ts'
import type { Stage } from '../stage.ts'
import { type Fault, feltBySomebody, running } from './fault.ts'

const times = 5
const apply = /apply_operations/
const slowMs = 150
const flapMs = 200

/** Springs a trap at the next deliveries, one after the other. */
function trap(name: string, about: string, set: (stage: Stage) => Promise<void>): Fault {
  return {
    ...{ name, about, parts: ['network'] },
    async inject(stage) {
      const sprung = async () => {
        for (let time = 0; time < times; time++) await set(stage)
        return `${times} times`
      }
      return { bitten: sprung(), heal: async () => {} }
    },
  }
}

function cutOff(name: string, about: string, begin: (stage: Stage) => void): Fault {
  return {
    ...{ name, about, parts: ['network'] },
    async inject(stage) {
      begin(stage)
      return { bitten: feltBySomebody(stage), heal: async () => stage.proxy.heal() }
    },
  }
}

const blackHole: Fault = {
  name: 'black_hole',
  about: 'nothing passes, and nobody is told',
  parts: ['network'],
  async inject(stage) {
    stage.proxy.blackHole()
    return { bitten: isUnhealthy(stage), heal: async () => stage.proxy.heal() }
  },
}

/** Before a delivery is given up, the health check is: of a supervisor that is not stopped by another fault. */
async function isUnhealthy(stage: Stage): Promise<string> {
  const complaints = async () =>
    (await Promise.all(running(stage).map(complaintOf))).flatMap((one) => one ?? [])
  const seen = await until('a health check fails', complaints, ({ length }) => length > 0)
  return seen.join(', ')
}

async function complaintOf(member: Member): Promise<string | undefined> {
  const status = await member.status().catch(() => undefined)
  const check = status?.health.checks[`database:${databaseName}`]
  return check?.status === 'unhealthy' ? `${member.name}: ${check.message}` : undefined
}

const slow: Fault = {
  name: 'slow_network',
  about: `each round trip takes ${slowMs} ms longer`,
  parts: ['network'],
  async inject(stage) {
    stage.proxy.delay(slowMs)
    return { bitten: measured(stage), heal: async () => stage.proxy.delay(0) }
  },
}

async function measured({ proxy }: Stage): Promise<string> {
  const client = new pg.Client({ connectionString: proxy.url() })
  client.on('error', () => {})
  await client.connect()
  try {
    const startedMs = performance.now()
    await client.query('select 1')
    const tookMs = Math.round(performance.now() - startedMs)
    if (tookMs < slowMs - 1) throw new Error(`a round trip takes ${tookMs} ms`)
    return `a round trip takes ${tookMs} ms`
  } finally {
    await client.end()
  }
}

export const networkFaults: readonly Fault[] = [
  trap('cut_before_commit', 'cut before a delivery arrives', ({ proxy }) => proxy.cutBeforeQuery(apply)),
  trap('cut_during_commit', 'cut while a delivery is executed, which goes on', ({ proxy }) =>
    proxy.cutDuringQuery(apply),
  ),
  trap('answer_swallowed', 'a delivery is committed and its answer lost', ({ proxy }) =>
    proxy.swallowAnswer(apply),
  ),
  cutOff('partition', 'connections are refused', ({ proxy }) => proxy.refuse()),
  cutOff('flapping', `every connection is cut every ${flapMs} ms`, ({ proxy }) => proxy.flap(flapMs)),
  ...[blackHole, slow],
]
