// Searches for a schedule in which the operation queue, or records, break a promise.
//   npm run simulate -- [--of operations|records] [--schedules N] [--seed N] [--trace] [--mutant NAME] [--journal NAME]

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { add, type Campaign, type Counted, noSchedules, runAll } from './campaign.ts'
import { isJournalName, type JournalName } from './disks.ts'
import { findMutant, mutantOptions, mutants } from './mutants.ts'
import { findRecordMutant, recordMutantOptions, recordMutants } from './records/mutants.ts'
import { runRecordSchedule } from './records/schedule.ts'
import { runSchedule } from './schedule.ts'

const usage = `npm run simulate -- [--of operations|records] [--schedules N] [--seed N] [--trace] [--mutant NAME]

  --of WHAT       operations: the local queue (default); records: leases, epochs and the desk, over that queue
  --schedules N   how many seeds, from the first one on (1000)
  --seed N        the first seed; without --schedules that one alone
  --trace         prints what happened, event by event
  --journal NAME  of operations. store: the real one, on a tmpfs (default); memory: its contract alone, faster
  --mutant NAME   with a planted bug
                    of operations: ${mutants.map(({ name }) => name).join(', ')}
                    of records: ${recordMutants.map(({ name }) => name).join(', ')}
`

type Subject = 'operations' | 'records'

interface Request {
  readonly of: Subject
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
      of: { type: 'string', default: 'operations' },
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
  const { of, journal, mutant } = values
  const isSound = Number.isSafeInteger(firstSeed) && Number.isSafeInteger(schedules) && isJournalName(journal)
  if (values.help || !isSound || !isSubject(of) || !isMutantOf(of, mutant)) {
    console.log(usage)
    return values.help ? 0 : 64
  }
  const request = { of, firstSeed, schedules, step: 1, journal, mutant }
  if (schedules === 1) return await replay(request, values.trace ?? false)
  const startedMs = performance.now()
  const campaign = await onAllCores(request)
  console.log(textOf(campaign, request, performance.now() - startedMs))
  return campaign.failed.length === 0 ? 0 : 1
}

function isSubject(of: string): of is Subject {
  return of === 'operations' || of === 'records'
}

function isMutantOf(of: Subject, name: string | undefined): boolean {
  return name === undefined || (of === 'records' ? findRecordMutant(name) : findMutant(name)) !== undefined
}

async function replay(request: Request, keepTrace: boolean): Promise<number> {
  const run = await runnerOf(request, keepTrace)
  const verdict = await run(request.firstSeed)
  for (const line of verdict.lines) console.log(line)
  const { seed, hash, acknowledged } = verdict
  console.log(`seed ${seed}, trace ${hash}, ${acknowledged} ${wordFor(request)}`)
  for (const { kind, message } of verdict.violations) console.log(`${kind}: ${message}`)
  return verdict.violations.length === 0 ? 0 : 1
}

type Told = Counted & { readonly hash: string; readonly lines: readonly string[] }

async function runnerOf(
  { of, mutant, journal }: Request,
  keepTrace = false,
): Promise<(seed: number) => Promise<Told>> {
  if (of === 'records') {
    const options = { ...(await recordMutantOptions(mutant)), keepTrace }
    return (seed) => runRecordSchedule(seed, options)
  }
  const options = { ...(await mutantOptions(mutant, journal)), keepTrace }
  return (seed) => runSchedule(seed, options)
}

function wordFor({ of }: Request): string {
  return of === 'records' ? 'completed' : 'acknowledged'
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
  const range = {
    ...request,
    progress(done: number, failed: number) {
      if (performance.now() - toldMs < progressEveryMs) return
      toldMs = performance.now()
      parentPort?.postMessage(`${done} of ${request.schedules} done, ${failed} failed`)
    },
  }
  return await runAll(range, await runnerOf(request))
}

function textOf(campaign: Campaign, request: Request, tookMs: number): string {
  const { schedules, counted, acknowledged, effects, events, virtualMs, violations, bitten, failed } =
    campaign
  const of = (...kinds: string[]) => kinds.reduce((sum, kind) => sum + (violations[kind] ?? 0), 0)
  const again = request.of === 'records' ? '--of records' : `--journal ${request.journal}`
  const faults = Object.entries(bitten).sort(([a], [b]) => a.localeCompare(b))
  return [
    ...failed.flatMap(({ seed, messages }) => [
      `npm run simulate -- ${again} --trace --seed ${seed}`,
      ...messages.map((message) => `  ${message}`),
    ]),
    `faults felt, in schedules: ${faults.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    `${schedules} schedules (${counted} with enough ${wordFor(request)}), ${Math.round((schedules / tookMs) * 1000)}/s, ` +
      `${events} events, ${Math.round(virtualMs / 3_600_000)} virtual hours`,
    `${acknowledged} ${wordFor(request)}, ${effects} effects: ${of('lost')} lost, ` +
      `${of('duplicate', 'ended_twice')} duplicated, ${of('phantom', 'stale_effect', 'effect_of_failure')} phantom, ` +
      `${of('stuck', 'unanswered', 'orphan')} stuck, ` +
      `${Object.values(violations).reduce((sum, count) => sum + count, 0)} violations in all`,
  ].join('\n')
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2))
else parentPort?.postMessage(await work(workerData as Request))
