// The power goes at every moment of a journal's work: what was acknowledged is there, and nothing is called damaged.
// Mutants that acknowledge too early must be caught, or this proves nothing.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { checkout } from '../../../harness/checkout.ts'
import { memoryDirectory, openInProcess } from '../../../harness/journal.ts'
import { Disk, type DiskEvent, hasStrace, record, type Survival } from '../../../harness/power-loss.ts'
import { seededRandom } from '../../../harness/seeded-random.ts'
import { createTestClock } from '../../../harness/test-clock.ts'

const survivals: readonly Survival[] = ['nothing', 'everything', 'anything']
const skip = hasStrace() ? false : 'strace is missing or may not trace here'
const crashPoints = Number(process.env['FLOWKEEP_CRASH_POINTS'] ?? 1_200)

interface Verdict {
  readonly points: number
  readonly acknowledged: number
  readonly lost: number
  readonly damaged: number
}

t.test('R8.3 power loss at every moment: nothing acknowledged is lost', { skip }, async (t) => {
  const verdict = await powerLosses(t, await recording(t, {}), crashPoints)
  t.match(verdict, { lost: 0, damaged: 0 })
  t.ok(verdict.acknowledged > 100, `${verdict.acknowledged} acknowledged`)
  t.ok(verdict.points >= crashPoints, `${verdict.points} crash points`)
})

t.test('R8.3 power loss: a journal that does not sync is caught', { skip }, async (t) => {
  const events = await recording(t, { 'PRAGMA synchronous = FULL': 'PRAGMA synchronous = OFF' })
  t.ok((await powerLosses(t, events, 150)).lost > 0)
})

t.test('R8.3 power loss: an acknowledgement before its commit is caught', { skip }, async (t) => {
  const events = await recording(t, { 'if (ledger.commit())': 'if (Date.now() % 2 && ledger.commit())' })
  t.ok((await powerLosses(t, events, 150)).lost > 0)
})

/** Two lives of a writer, with a log that is folded in often. */
async function recording(t: Test, mutations: Readonly<Record<string, string>>): Promise<DiskEvent[]> {
  const directory = memoryDirectory(t)
  const journal = join(directory, 'journal')
  mkdirSync(journal)
  const { outputFiles } = await build({
    entryPoints: [join(checkout, 'test/fixtures/queue-writer.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    write: false,
    logLevel: 'silent',
  })
  let program = outputFiles[0]?.text ?? ''
  for (const [from, to] of Object.entries({
    'wal_autocheckpoint = 500': 'wal_autocheckpoint = 40',
    ...mutations,
  })) {
    if (!program.includes(from)) throw new Error(`the writer has no "${from}"`)
    program = program.replace(from, to)
  }
  const path = join(directory, 'writer.mjs')
  writeFileSync(path, program)
  const command = [process.execPath, '--no-warnings', path, journal, 'in process', '40'] as const
  return [1, 2].flatMap((life) => record(command, journal, join(directory, `trace-${life}`)))
}

async function powerLosses(t: Test, events: readonly DiskEvent[], wanted: number): Promise<Verdict> {
  const [directory, random] = [memoryDirectory(t), seededRandom(7)]
  const changes = events.filter(({ kind }) => kind !== 'say').length
  const every = Math.max(1, Math.floor((changes * survivals.length) / wanted))
  const [disk, said] = [new Disk(), new Map<string, string>()]
  let [points, lost, damaged, change] = [0, 0, 0, 0]
  for (const event of events) {
    if (event.kind === 'say') for (const [id, word] of wordsOf(event.text)) said.set(id, word)
    else {
      disk.apply(event)
      if (change++ % every !== 0) continue
      for (const survival of survivals) {
        disk.crash(directory, survival, random)
        const found = await examine(directory, said)
        points++
        lost += found.lost
        damaged += found.damaged
      }
    }
  }
  return { points, acknowledged: said.size, lost, damaged }
}

async function examine(directory: string, said: ReadonlyMap<string, string>) {
  const journal = await openInProcess(directory, createTestClock())
  const ids = [...said.keys()]
  const found = await journal.lookUp(ids.map((id) => ({ id, target: 'db', key: '' })))
  const { corruptEntries, quarantinedFiles } = journal.figures
  await journal.close()
  const lost = ids.filter((id, n) => !fits(said.get(id), found[n]?.known?.state)).length
  return { lost, damaged: corruptEntries + quarantinedFiles.length }
}

/** What is done or dead may not be so yet where only its acceptance was acknowledged. */
function fits(word: string | undefined, state: string | undefined): boolean {
  return word === 'ack' ? state !== undefined : state === word
}

function wordsOf(text: string): [string, string][] {
  const lines = text.split('\n').map((line) => line.split(' '))
  return lines.flatMap(([word = '', id = '']) => (id === '' || word === 'open' ? [] : [[id, word]]))
}
