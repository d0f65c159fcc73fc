// The flow under chaos: several writers that submit operations and write down what they were told. It knows nothing of
// the faults. What is not answered, or not now, is submitted again under its id, also by the flow that comes after a
// SIGKILL.
//
// Environment: CHAOS_DIRECTORY, CHAOS_SLOT, CHAOS_SEED, CHAOS_WRITERS, and FLOWKEEP_SOCKET from the supervisor.

import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../../harness/seeded-random.ts'
import type { Answer, Planned } from '../../../simulation/ledger.ts'
import { createLedgerFile, flowsBefore, type LedgerWriter, unansweredIn } from '../ledger-file.ts'
import { createPlan, type Plan } from '../plan.ts'
import { readWish, type Wish } from '../wish.ts'
import { createClient } from './client.ts'

const directory = required('CHAOS_DIRECTORY')
const slot = required('CHAOS_SLOT')
const seed = Number(required('CHAOS_SEED'))
const writers = Number(required('CHAOS_WRITERS'))
const client = createClient(required('FLOWKEEP_SOCKET'), writers)

/** Nothing announces a wish. */
const lookEveryMs = 50
const betweenCallsMs = 10
const afterRefusalMs = 100
const againMax = 200
/** Worth trying again under the same id: it was not applied, or nobody knows. */
const passing: ReadonlySet<string> = new Set([
  ...['dependency_unavailable', 'schema_missing', 'lane_busy', 'queue_full', 'disk_full'],
  ...['draining', 'outcome_unknown', 'internal'],
])

interface Round {
  readonly number: number
  readonly ledger: LedgerWriter
  /** Of each writer. */
  readonly plans: readonly Plan[]
  readonly again: Planned[]
  readonly random: () => number
}

const changes = new EventEmitter().setMaxListeners(100)
let wish: Wish = readWish(directory)
let round: Round | undefined
let resting = 0
let isStopping = false

process.once('SIGTERM', () => {
  isStopping = true
  changes.emit('change')
})

function begin({ round: number }: Wish): Round {
  const ledgers = join(directory, 'ledger', String(number))
  const again = unansweredIn(ledgers, slot)
  const flow = flowsBefore(ledgers, slot)
  const random = seededRandom(seed + 7_919 * number + 104_729 * flow)
  const shared = [`${slot}-shared-1`, `${slot}-shared-2`]
  const plans = Array.from({ length: writers }, (_, writer) =>
    createPlan(`${number}.${slot}.${flow}.${writer}`, [`${slot}-${writer}`, ...shared], random),
  )
  return { number, ledger: createLedgerFile(ledgers, slot), plans, again, random }
}

async function write(writer: number): Promise<void> {
  while (!isStopping) {
    if (!wish.going) {
      await rest()
      continue
    }
    if (round?.number !== wish.round) round = begin(wish)
    const refused = await submit(round, writer)
    await delay(refused ? afterRefusalMs : betweenCallsMs)
  }
}

async function rest(): Promise<void> {
  resting++
  if (resting === writers) console.log(JSON.stringify({ message: 'resting', resting: wish.round }))
  await once(changes, 'change')
  resting--
}

/** Whether something was refused that may be taken later. */
async function submit({ ledger, plans, again, random }: Round, writer: number): Promise<boolean> {
  const batch = again.length > 0 && random() < 0.5 ? again.splice(0, 5) : (plans[writer] as Plan).next()
  const numbers = batch.map((planned) => ledger.invoked(planned))
  const answers = await client.submit(batch)
  let refused = false
  for (const [index, planned] of batch.entries()) {
    const answer: Pick<Answer, 'state' | 'code'> | undefined = answers[index]
    if (answer) ledger.answered(numbers[index] as number, answer)
    if (answer && !(answer.code !== undefined && passing.has(answer.code))) continue
    refused = true
    // An impatient client takes a refusal for what it says; without an answer nobody may.
    const givesUp = answer !== undefined && answer.code !== 'outcome_unknown' && random() < 0.5
    if (!givesUp && again.length < againMax) again.push(planned)
  }
  return refused
}

async function look(): Promise<void> {
  while (!isStopping) {
    const now = readWish(directory)
    if (now.round !== wish.round || now.going !== wish.going) {
      wish = now
      changes.emit('change')
    }
    await delay(lookEveryMs)
  }
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is missing`)
  return value
}

await Promise.all([look(), ...Array.from({ length: writers }, (_, writer) => write(writer))])
process.exit(0)
