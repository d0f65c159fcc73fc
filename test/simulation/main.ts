// Searches for a schedule in which the operation queue breaks a promise.
//   npm run simulate -- [--schedules N] [--seed N] [--trace] [--journal store|memory] [--mutant NAME]

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { add, type Campaign, noSchedules, runCampaign } from './campaign.ts'
import { isJournalName, type JournalName } from './disks.ts'
import { findMutant, mutantOptions, mutants } from './mutants.ts'
import { runSchedule } from './schedule.ts'

const usage = `npm run simulate -- [--schedules N] [--seed N] [--trace] [--journal store|memory] [--mutant NAME]

  --schedules N   how many seeds, from the first one on (1000)
  --seed N        the first seed; without --schedules that one alone
  --trace         prints what happened, event by event
  --journal NAME  store: the real one, on a tmpfs (default); memory: its contract alone, faster
  --mutant NAME   with a planted bug: ${mutants.map(({ name }) => name).join(', ')}
`

interface Request {
  readonly firstSeed: number
  readonly schedules: number
  readonly step: number
  readonly journal: JournalName
  readonly mutant: string | undefined
}

const progressEveryMs = 5_000

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      schedules: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean' },
      journal: { type: 'string', default: 'store' },
      mutant: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const firstSeed = Number(values.seed ?? 1)
  const schedules = Number(values.schedules ?? (values.seed === undefined ? 1_000 : 1))
  const { journal, mutant } = values
  const isSound = Number.isSafeInteger(firstSeed) && Number.isSafeInteger(schedules) && isJournalName(journal)
  if (values.help || !isSound || (mutant !== undefined && findMutant(mutant) === undefined)) {
    console.log(usage)
    return values.help ? 0 : 64
  }
  if (schedules === 1)
    return await replay({ firstSeed, schedules, step: 1, journal, mutant }, values.trace ?? false)
  const startedMs = performance.now()
  const campaign = await onAllCores({ firstSeed, schedules, step: 1, journal, mutant })
  console.log(textOf(campaign, journal, performance.now() - startedMs))
  return campaign.failed.length === 0 ? 0 : 1
}

async function replay({ firstSeed, journal, mutant }: Request, keepTrace: boolean): Promise<number> {
  const options = { ...(await mutantOptions(mutant, journal)), keepTrace }
  const verdict = await runSchedule(firstSeed, options)
  for (const line of verdict.lines) console.log(line)
  console.log(`seed ${firstSeed}, trace ${verdict.hash}, ${verdict.acknowledged} acknowledged`)
  for (const { kind, message } of verdict.violations) console.log(`${kind}: ${message}`)
  return verdict.violations.length === 0 ? 0 : 1
}

async function onAllCores(request: Request): Promise<Campaign> {
  const workers = Math.min(availableParallelism(), request.schedules)
  const shares = Array.from({ length: workers }, (_, index) =>
    inWorker({
      ...request,
      firstSeed: request.firstSeed + index,
      schedules: Math.ceil((request.schedules - index) / workers),
      step: workers,
    }),
  )
  return (await Promise.all(shares)).reduce(add, noSchedules)
}

function inWorker(request: Request): Promise<Campaign> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: request })
    worker.on('message', (message: Campaign | string) => {
      if (typeof message === 'string') console.log(message)
      else resolve(message)
    })
    worker.on('error', reject)
  })
}

async function work(request: Request): Promise<Campaign> {
  let toldMs = performance.now()
  return await runCampaign({
    ...(await mutantOptions(request.mutant, request.journal)),
    ...request,
    progress(done, failed) {
      if (performance.now() - toldMs < progressEveryMs) return
      toldMs = performance.now()
      parentPort?.postMessage(`${done} of ${request.schedules} done, ${failed} failed`)
    },
  })
}

function textOf(campaign: Campaign, journal: JournalName, tookMs: number): string {
  const { schedules, counted, acknowledged, effects, events, virtualMs, violations, bitten, failed } =
    campaign
  const of = (...kinds: string[]) => kinds.reduce((sum, kind) => sum + (violations[kind] ?? 0), 0)
  const faults = Object.entries(bitten).sort(([a], [b]) => a.localeCompare(b))
  return [
    ...failed.flatMap(({ seed, messages }) => [
      `npm run simulate -- --journal ${journal} --trace --seed ${seed}`,
      ...messages.map((message) => `  ${message}`),
    ]),
    `faults felt, in schedules: ${faults.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    `${schedules} schedules (${counted} with enough acknowledgements), ${Math.round((schedules / tookMs) * 1000)}/s, ` +
      `${events} events, ${Math.round(virtualMs / 3_600_000)} virtual hours`,
    `${acknowledged} acknowledged, ${effects} effects: ${of('lost')} lost, ${of('duplicate')} duplicated, ` +
      `${of('phantom')} phantom, ${of('stuck', 'unanswered')} stuck, ` +
      `${Object.values(violations).reduce((sum, count) => sum + count, 0)} violations in all`,
  ].join('\n')
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2))
else parentPort?.postMessage(await work(workerData as Request))
