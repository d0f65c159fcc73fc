// The demo's flow: stores the records of every CSV file in its inbox. A plain program that knows little of Flowkeep: it
// says when it is ready, submits its writes, logs JSON lines, and obeys signals. It never has to think of the database
// being away. HUP: look into the inbox again. USR2: leave 1,000 orphans behind. TERM: finish the batch and end.
//
// Environment: INBOX, a directory; BATCH_ROWS; the database's URL and FLOWKEEP_SOCKET as the supervisor passes them on.

import { EventEmitter, once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beginning, type Progress, readBatches } from './batches.ts'
import { leaveOrphans } from './orphans.ts'
import { openStore } from './store.ts'
import { connectToSupervisor } from './supervisor-client.ts'

const orphanCount = 1000
const inbox = required('INBOX')
const batchRows = Number(required('BATCH_ROWS'))
const supervisor = connectToSupervisor(required('FLOWKEEP_SOCKET'))
const store = await openStore(required('CONTAINER_DATABASE_RPA_DB_URL'), 'rpa_db', supervisor)
const progress = new Map<string, Progress>(store.progress)

const attention = new EventEmitter()
let isStopping = false
let isLookWanted = true

process.on('SIGTERM', () => {
  isStopping = true
  attention.emit('wanted')
})
process.on('SIGHUP', () => {
  isLookWanted = true
  attention.emit('wanted')
})
process.on('SIGUSR2', () => {
  leaveOrphans(orphanCount).then(
    () => say('info', `${orphanCount} orphans are left behind`, { orphans: orphanCount }),
    (error: Error) => say('error', error.message),
  )
})

let done = store.recordsAtStart
say('info', done === 0 ? 'beginning' : `going on after ${done} records`, { goingOnAfter: done })
await supervisor.ready()
// Signal listeners alone do not keep a process alive.
const alive = setInterval(() => {}, 2 ** 30)
while (!isStopping) {
  if (isLookWanted) await storeInbox()
  else await once(attention, 'wanted')
}
clearInterval(alive)
say('info', `stopped after ${done} records`)

async function storeInbox(): Promise<void> {
  isLookWanted = false
  const names = readdirSync(inbox).sort()
  for (const name of names) {
    await storeFile(name)
    if (isStopping) return
  }
  say('info', `${names.length} files are handed over`, { filesDone: names.length, done })
}

async function storeFile(name: string): Promise<void> {
  let from = progress.get(name) ?? beginning(name)
  if (from.isFinished) return
  let startedMs = performance.now()
  for await (const batch of readBatches(join(inbox, name), from, batchRows)) {
    const state = await store.save(from, batch)
    const rows = batch.rows.length + batch.rejects.length
    const endedMs = performance.now()
    const tookMs = Math.round((endedMs - startedMs) * 1000) / 1000
    startedMs = endedMs
    done += rows
    const fields = { done, rows, tookMs, state, batch: `${name}:${from.nextLine}` }
    from = batch.progress
    progress.set(name, from)
    say('info', `${state} up to line ${from.nextLine - 1} of ${name}`, fields)
    if (isStopping) return
  }
}

function say(level: 'info' | 'error', message: string, fields: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ level, message, ...fields }))
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
