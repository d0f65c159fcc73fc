// The power goes at every moment of what a writer of the journal did: what is found afterwards, held against what the
// writer had said by then.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Test } from 'tap'
import { checkout } from './checkout.ts'
import { memoryDirectory, openInProcess } from './journal.ts'
import { Disk, type DiskEvent, record, type Survival } from './power-loss.ts'
import { seededRandom } from './seeded-random.ts'
import { createTestClock } from './test-clock.ts'

const survivals: readonly Survival[] = ['nothing', 'everything', 'anything']

export interface Verdict {
  readonly points: number
  /** Operations of which the writer said something. */
  readonly acknowledged: number
  readonly lost: number
  /** Entries lost to corruption, and files put aside. */
  readonly damaged: number
}

export interface Writer {
  /** Relative to the checkout. */
  readonly entry: string
  /** Texts of the bundled program and what takes their place: planted bugs, and a log that is folded in more often. */
  readonly mutations?: Readonly<Record<string, string>>
  /** After the directory. */
  readonly args: readonly string[]
}

export interface Recorder {
  /** One more life of the writer over the same directory. */
  live(inject?: readonly string[]): DiskEvent[]
}

export async function recorder(t: Test, { entry, mutations = {}, args }: Writer): Promise<Recorder> {
  const directory = memoryDirectory(t)
  const journal = join(directory, 'journal')
  const path = join(directory, 'writer.mjs')
  mkdirSync(journal)
  writeFileSync(
    path,
    await programOf(entry, { 'wal_autocheckpoint = 500': 'wal_autocheckpoint = 40', ...mutations }),
  )
  const command = [process.execPath, '--no-warnings', path, journal, ...args] as const
  let lives = 0
  return { live: (inject) => record(command, journal, join(directory, `trace-${++lives}`), inject) }
}

async function programOf(entry: string, mutations: Readonly<Record<string, string>>): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(checkout, entry)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    write: false,
    logLevel: 'silent',
  })
  let program = outputFiles[0]?.text ?? ''
  for (const [from, to] of Object.entries(mutations)) {
    if (!program.includes(from)) throw new Error(`the writer has no "${from}"`)
    program = program.replace(from, to)
  }
  return program
}

/** @param from the first event after which the power may go */
export async function powerLosses(
  t: Test,
  events: readonly DiskEvent[],
  wanted: number,
  from = 0,
): Promise<Verdict> {
  const [directory, random] = [memoryDirectory(t), seededRandom(7)]
  const changes = events.slice(from).filter(({ kind }) => kind !== 'say').length
  const every = Math.max(1, Math.floor((changes * survivals.length) / wanted))
  const [disk, said] = [new Disk(), new Map<string, string>()]
  let [points, lost, damaged, change] = [0, 0, 0, 0]
  for (const [index, event] of events.entries()) {
    if (event.kind === 'say') {
      for (const [id, word] of wordsOf(event.text)) said.set(id, word)
      continue
    }
    disk.apply(event)
    if (index < from || change++ % every !== 0) continue
    for (const survival of survivals) {
      disk.crash(directory, survival, random)
      const found = await examine(directory, said)
      points++
      lost += found.lost
      damaged += found.damaged
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

/** What is done or dead may not be so yet where only its acceptance was acknowledged; of a refused one nothing is known. */
function fits(word: string | undefined, state: string | undefined): boolean {
  if (word === 'refused') return true
  return word === 'ack' ? state !== undefined : state === word
}

function wordsOf(text: string): [string, string][] {
  const lines = text.split('\n').map((line) => line.split(' '))
  return lines.flatMap(([word = '', id = '']) => (id === '' || word === 'open' ? [] : [[id, word]]))
}
