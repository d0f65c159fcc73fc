// Any byte, in any file: the journal opens, says what is lost, and has the rest in its order.

import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Journal } from '../../../../supervisor/queue/journal.ts'
import { memoryDirectory, newEntry, openInProcess, takeAll } from '../../../harness/journal.ts'
import { createTestClock } from '../../../harness/test-clock.ts'

const clock = createTestClock()
const reason = { code: 'x', message: 'y' }
const count = 120

/** What a kill -9 leaves: a database with some, a log with more. */
async function killedJournal(t: Test, params: readonly string[] = ['x'.repeat(300)]): Promise<string> {
  const [directory, killed] = [memoryDirectory(t), memoryDirectory(t)]
  let journal = await openInProcess(directory, clock)
  await append(journal, 0, count / 2, params)
  await journal.close()
  journal = await openInProcess(directory, clock)
  for (let n = count / 2; n < count; n += 10) await append(journal, n, n + 10, params)
  await journal.settle([
    { to: 'done', seq: 1 },
    { to: 'dead', seq: 2, reason },
  ])
  cpSync(directory, killed, { recursive: true })
  await journal.close()
  return killed
}

/** All of it in the database, none in a log. */
async function closedJournal(t: Test): Promise<string> {
  const directory = await killedJournal(t)
  await (await openInProcess(directory, clock)).close()
  if (existsSync(join(directory, 'journal.db-wal'))) t.fail('there is a log')
  return directory
}

async function append(journal: Journal, from: number, to: number, params: readonly string[]): Promise<void> {
  const entries = Array.from({ length: to - from }, (_, n) =>
    newEntry(`id-${from + n}`, { key: `k${(from + n) % 7}`, params }),
  )
  await journal.append(entries)
}

interface Found {
  readonly seqs: readonly number[]
  readonly dead: number
  readonly lost: number
  readonly quarantined: readonly string[]
}

/** Opens what is there and checks that it is sound: in order, no entry twice, ready for more. */
async function reopened(t: Test, directory: string, what: string): Promise<Found> {
  const journal = await openInProcess(directory, clock)
  const seqs = (await journal.take('db', takeAll)).map(({ seq }) => seq)
  const dead = await journal.list({ state: 'dead', afterSeq: 0, limit: 10 })
  const { corruptEntries, quarantinedFiles } = journal.figures
  if (seqs.some((seq, n) => n > 0 && seq <= (seqs[n - 1] ?? 0))) t.fail(`${what}: the order is lost`)
  const [more] = await journal.append([newEntry('more')])
  if (more?.state !== 'stored') t.fail(`${what}: nothing new can be stored`)
  if (journal.figures.operations !== seqs.length + 1) t.fail(`${what}: the figures are wrong`)
  await journal.close()
  const again = await openInProcess(directory, clock)
  if (again.figures.quarantinedFiles.length !== quarantinedFiles.length) t.fail(`${what}: found twice`)
  if (again.figures.operations !== seqs.length + 1) t.fail(`${what}: something was lost later`)
  await again.close()
  return { seqs, dead: dead.length, lost: corruptEntries, quarantined: quarantinedFiles }
}

function damagedCopy(t: Test, original: string, damage: (directory: string) => void): string {
  const copy = memoryDirectory(t)
  cpSync(original, copy, { recursive: true })
  damage(copy)
  return copy
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(path, bytes)
}

t.test('R8.3 an undamaged journal loses nothing and puts nothing aside', async (t) => {
  const found = await reopened(t, await killedJournal(t), 'undamaged')
  t.same(found, { seqs: Array.from({ length: 118 }, (_, n) => n + 3), dead: 1, lost: 0, quarantined: [] })
})

t.test('R8.3 a flipped byte anywhere in the database or its log costs one entry at most', async (t) => {
  const original = await killedJournal(t)
  let found = 0
  for (const name of ['journal.db', 'journal.db-wal']) {
    const { length } = readFileSync(join(original, name))
    for (let at = 0; at < length; at += name === 'journal.db' ? 1009 : 4001) {
      const what = `${name} at ${at}`
      const copy = damagedCopy(t, original, (directory) => flip(join(directory, name), at))
      const after = await reopened(t, copy, what)
      rmSync(copy, { recursive: true })
      const missing = 119 - after.seqs.length - after.dead
      if (missing > 1) t.fail(`${what}: ${missing} entries are gone`)
      if (missing > after.lost) t.fail(`${what}: ${missing} entries are gone and ${after.lost} reported`)
      if (after.quarantined.length > 0) found++
    }
  }
  t.ok(found > 50, `${found} were found and put aside`)
})

t.test('R8.3 a flipped byte in the head of any page costs one entry at most', async (t) => {
  const original = await closedJournal(t)
  const { length } = readFileSync(join(original, 'journal.db'))
  for (let page = 0; page < length; page += 4096) {
    for (const at of [0, 3, 5, 8, 9, 11, 30]) {
      const what = `page ${page / 4096 + 1} at ${at}`
      const copy = damagedCopy(t, original, (directory) => flip(join(directory, 'journal.db'), page + at))
      const after = await reopened(t, copy, what)
      rmSync(copy, { recursive: true })
      const missing = 119 - after.seqs.length - after.dead
      if (missing > 1) t.fail(`${what}: ${missing} entries are gone`)
      if (missing > after.lost) t.fail(`${what}: ${missing} entries are gone and ${after.lost} reported`)
    }
  }
})

t.test('R8.3 what is cut off the log or the database is noticed, and the rest is there', async (t) => {
  const original = await killedJournal(t)
  for (const name of ['journal.db', 'journal.db-wal']) {
    const { length } = readFileSync(join(original, name))
    for (const cut of [0, 1, 31, 100, 4096, 5000, Math.floor(length / 2), length - 4096, length - 1]) {
      const what = `${name} cut to ${cut}`
      const copy = damagedCopy(t, original, (directory) => truncateSync(join(directory, name), cut))
      const after = await reopened(t, copy, what)
      rmSync(copy, { recursive: true })
      const missing = 119 - after.seqs.length - after.dead
      if (missing > after.lost) t.fail(`${what}: ${missing} entries are gone and ${after.lost} reported`)
      if (cut === 0 && missing > 60) t.fail(`${what}: what the other file holds is gone, too`)
    }
  }
})

t.test('R8.3 missing, empty and foreign files never stop a start', async (t) => {
  const original = await killedJournal(t)
  const garbage = Buffer.alloc(20_000, 'garbage ')
  for (const name of ['journal.db', 'journal.db-wal', 'journal.mark']) {
    for (const [what, damage] of Object.entries({
      missing: (path: string) => rmSync(path),
      empty: (path: string) => writeFileSync(path, ''),
      garbage: (path: string) => writeFileSync(path, garbage),
    })) {
      const copy = damagedCopy(t, original, (directory) => damage(join(directory, name)))
      const after = await reopened(t, copy, `${name} ${what}`)
      const missing = 119 - after.seqs.length - after.dead
      t.ok(missing <= after.lost, `${name} ${what}: ${missing} gone, ${after.lost} reported`)
    }
  }
  const shared = damagedCopy(t, original, (directory) =>
    writeFileSync(join(directory, 'journal.db-shm'), garbage),
  )
  t.same((await reopened(t, shared, 'a foreign -shm')).lost, 0)
  const all = damagedCopy(t, original, (directory) => {
    for (const name of ['journal.db', 'journal.db-wal']) rmSync(join(directory, name))
  })
  t.same((await reopened(t, all, 'all missing')).lost, 119)
})
