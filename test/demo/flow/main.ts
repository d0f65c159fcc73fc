// The demo's flow: stores the rows of every CSV file in its inbox. It puts a record for each piece of a file into its
// queue, claims them, and completes each with its rows. A plain program that knows little of Flowkeep, and never thinks
// of a database that is away or of a flow that was killed: it logs JSON lines and obeys signals. HUP: look into the inbox
// again. USR2: leave 1,000 orphans behind. TERM: finish what is under way and end.
//
// Environment: INBOX, a directory; BATCH_ROWS and WORK_MS, how many rows a record has and how long the work on it takes
// besides; the database's URL and FLOWKEEP_SOCKET as the supervisor passes them on.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beginning, type Progress, readBatches } from './batches.ts'
import { leaveOrphans } from './orphans.ts'
import { effectsOf, prepareStore } from './store.ts'
import { connectToSupervisor, type NewRecord, type WorkRecord } from './supervisor-client.ts'

/** Where in a file the piece begins. */
type Piece = Progress

const orphanCount = 1000
const claimLimit = 20
const enqueueLimit = 500
const inbox = required('INBOX')
const batchRows = Number(required('BATCH_ROWS'))
const workMs = Number(required('WORK_MS'))
const supervisor = connectToSupervisor<Piece>(required('FLOWKEEP_SOCKET'), 'pieces')
let done = await prepareStore(required('CONTAINER_DATABASE_RPA_DB_URL'))

const enqueued = new Set<string>()
let lastSaid = ''
let isStopping = false
let isLookWanted = true

process.on('SIGTERM', () => {
  isStopping = true
})
process.on('SIGHUP', () => {
  isLookWanted = true
})
process.on('SIGUSR2', () => {
  leaveOrphans(orphanCount).then(
    () => say('info', `${orphanCount} orphans are left behind`, { orphans: orphanCount }),
    (error: Error) => say('error', error.message),
  )
})

say('info', done === 0 ? 'beginning' : `going on after ${done} rows`, { goingOnAfter: done })
await supervisor.ready()
while (!isStopping) {
  if (isLookWanted) await enqueueInbox()
  const records = await supervisor.claim(claimLimit)
  if (!records) sayOnce('the database is away')
  else if (records.length > 0) await workThrough(records)
  else sayOnce(`${enqueued.size} files are worked through`, { filesDone: enqueued.size, done })
}
say('info', `stopped after ${done} rows`)

async function enqueueInbox(): Promise<void> {
  isLookWanted = false
  for (const name of readdirSync(inbox).sort()) {
    if (!enqueued.has(name)) await enqueueFile(name)
    enqueued.add(name)
  }
}

async function enqueueFile(name: string): Promise<void> {
  let piece: Piece = beginning(name)
  let records: NewRecord<Piece>[] = []
  for await (const { progress } of readBatches(join(inbox, name), piece, batchRows)) {
    records.push({ key: `${name}:${piece.nextLine}`, payload: piece })
    piece = progress
    if (records.length >= enqueueLimit) {
      await supervisor.enqueue(records)
      records = []
    }
  }
  await supervisor.enqueue(records)
}

async function workThrough(records: readonly WorkRecord<Piece>[]): Promise<void> {
  say('info', `claimed ${records.length} pieces`, { claimed: records.length })
  for (const record of records) {
    if (isStopping) await supervisor.release(record)
    else await work(record)
  }
}

async function work(record: WorkRecord<Piece>): Promise<void> {
  const startedMs = performance.now()
  const { file, nextLine } = record.payload
  const { value: batch } = await readBatches(join(inbox, file), record.payload, batchRows).next()
  if (!batch) throw new Error(`${file} has no line ${nextLine}`)
  await delay(workMs)
  const state = await supervisor.complete(record, effectsOf(batch))
  const rows = batch.rows.length + batch.rejects.length
  done += rows
  const tookMs = Math.round((performance.now() - startedMs) * 1000) / 1000
  const what = `${file} from line ${nextLine}`
  say('info', `${what}: ${state}`, { done, rows, tookMs, state, file, attempt: record.attempt })
}

function sayOnce(message: string, fields: Record<string, unknown> = {}): void {
  if (message !== lastSaid) say('info', message, fields)
}

function say(level: 'info' | 'error', message: string, fields: Record<string, unknown> = {}): void {
  lastSaid = message
  console.log(JSON.stringify({ level, message, ...fields }))
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
