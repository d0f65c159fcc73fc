// The demo's flow: stores the records of every CSV file in its inbox. A plain program that knows little of Flowkeep: it
// says when it is ready, logs JSON lines, and obeys signals. HUP: look into the inbox again. USR2: leave 1,000 orphans
// behind. TERM: finish the batch and end.
//
// Environment: INBOX, a directory; BATCH_ROWS; the database's URL and FLOWKEEP_SOCKET as the supervisor passes them on.

import { EventEmitter, once } from 'node:events'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { beginning, readBatches } from './batches.ts'
import { leaveOrphans } from './orphans.ts'
import { openStore } from './store.ts'

const orphanCount = 1000
const inbox = required('INBOX')
const batchRows = Number(required('BATCH_ROWS'))
const store = await openStore(required('CONTAINER_DATABASE_RPA_DB_URL'))

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

let done = await store.countRecords()
say('info', done === 0 ? 'beginning' : `going on after ${done} records`, { goingOnAfter: done })
await sayReady(required('FLOWKEEP_SOCKET'))
while (!isStopping) {
  if (isLookWanted) await storeInbox()
  else await once(attention, 'wanted')
}
await store.close()
say('info', `stopped after ${done} records`)

async function storeInbox(): Promise<void> {
  isLookWanted = false
  const names = readdirSync(inbox).sort()
  for (const name of names) {
    await storeFile(name)
    if (isStopping) return
  }
  say('info', `${names.length} files are stored`, { storedFiles: names.length, done })
}

async function storeFile(name: string): Promise<void> {
  const from = (await store.progress()).get(name) ?? beginning(name)
  if (from.isFinished) return
  let startedMs = performance.now()
  for await (const batch of readBatches(join(inbox, name), from, batchRows)) {
    await store.save(batch)
    const rows = batch.rows.length + batch.rejects.length
    const endedMs = performance.now()
    const tookMs = Math.round((endedMs - startedMs) * 1000) / 1000
    startedMs = endedMs
    done += rows
    say('info', `stored up to line ${batch.progress.nextLine - 1} of ${name}`, { done, rows, tookMs })
    if (isStopping) return
  }
}

async function sayReady(socketPath: string): Promise<void> {
  const call = request({ socketPath, path: '/v1/ready', method: 'POST', agent: false }).end()
  const [response] = await once(call, 'response')
  response.resume()
  if (response.statusCode >= 300)
    throw new Error(`the supervisor refuses our readiness: ${response.statusCode}`)
}

function say(level: 'info' | 'error', message: string, fields: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ level, message, ...fields }))
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
