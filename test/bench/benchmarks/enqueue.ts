// How fast the journal takes operations, beside the least that could keep them: a file that is written and synced. Both
// have group commit, one group on its way and the next one collecting, so both wait for the disk equally often.

import { randomUUIDv7 } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Operation } from '../../../supervisor/core/operation.ts'
import { openJournal } from '../../../supervisor/queue/journal/open-journal.ts'
import type { NewEntry } from '../../../supervisor/queue/journal.ts'
import { type Benchmark, type Comparison, ours, type Site } from '../harness/benchmark.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { quantile } from '../harness/statistics.ts'

const bareLog = 'write + fdatasync'
const submitters = [1, 64, 512]
const lanes = 8
/** Operations of one run for each submitter. */
const runSubmits = { 1: 1_000, 64: 250, 512: 60 } as Readonly<Record<number, number>>

interface Store {
  append(entry: NewEntry): Promise<void>
  close(): Promise<void>
}

interface Figures {
  readonly rate: number
  readonly p99: number
}

/** About 500 bytes of JSON. */
function newEntry(n: number): NewEntry {
  const id = randomUUIDv7()
  const sql = 'insert into effects (id, n, at, body) values ($1, $2, $3, $4)'
  const params = [id, n, '2030-01-02T03:04:05Z', { note: 'x'.repeat(250) }]
  const work = { kind: 'sql', statements: [{ sql, params }] } as const
  const operation: Operation = { id, target: 'rpa_db', key: `key-${n % lanes}`, work, expiresAtMs: undefined }
  return { operation, contentHash: id.replaceAll('-', '').repeat(2), maybeApplied: false }
}

async function openOurs(directory: string): Promise<Store> {
  const journal = await openJournal({ directory, maxOperations: 1e6, maxBytes: 2 ** 30 })
  return {
    async append(entry) {
      const [appended] = await journal.append([entry])
      if (appended?.state !== 'stored') throw new Error(`not stored: ${JSON.stringify(appended)}`)
    },
    close: () => journal.close(),
  }
}

class BareLog implements Store {
  readonly #file: FileHandle
  #unwritten: string[] = []
  #waiting: (() => void)[] = []
  #writing: Promise<void> | undefined

  constructor(file: FileHandle) {
    this.#file = file
  }

  append(entry: NewEntry): Promise<void> {
    return new Promise((resolve) => {
      this.#unwritten.push(`${JSON.stringify(entry)}\n`)
      this.#waiting.push(resolve)
      this.#writing ??= this.#write()
    })
  }

  async #write(): Promise<void> {
    // What arrives in the same turn of the event loop is one group, as with us.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#unwritten.length > 0) {
      const [lines, waiting] = [this.#unwritten, this.#waiting]
      this.#unwritten = []
      this.#waiting = []
      await this.#file.write(lines.join(''))
      await this.#file.datasync()
      for (const resolve of waiting) resolve()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#writing = undefined
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }
}

async function run(
  site: Site,
  openStore: (directory: string) => Promise<Store>,
  count: number,
): Promise<Figures> {
  const directory = mkdtempSync(join(site.directory, 'enqueue-'))
  const store = await openStore(directory)
  try {
    // The worker of ours starts with the first call.
    await store.append(newEntry(0))
    const each = runSubmits[count] ?? 100
    const tookMs: number[] = []
    const startedMs = performance.now()
    await Promise.all(
      Array.from({ length: count }, async (_, submitter) => {
        for (let n = 0; n < each; n++) {
          const submittedMs = performance.now()
          await store.append(newEntry(submitter * each + n))
          tookMs.push(performance.now() - submittedMs)
        }
      }),
    )
    const rate = (count * each * 1_000) / (performance.now() - startedMs)
    return { rate, p99: quantile(tookMs, 0.99) }
  } finally {
    await store.close()
    rmSync(directory, { recursive: true })
  }
}

export const enqueue: Benchmark = {
  name: 'enqueue',
  about: 'operations of 500 bytes onto the disk, each submitter waiting for the answer to its last one',
  budgetSeconds: 60,
  async run(site) {
    const comparisons: Comparison[] = []
    for (const count of submitters) {
      const series = await runRounds(
        site,
        [
          { name: ours, version: site.version, run: () => run(site, openOurs, count) },
          {
            name: bareLog,
            run: () =>
              run(site, async (directory) => new BareLog(await open(join(directory, 'log'), 'a')), count),
          },
        ],
        { rounds: 7 },
      )
      const targets = count === 64 ? [{ peer: bareLog, limit: 0.9 }] : []
      const at = `${count} at a time`
      comparisons.push(
        comparison({ metric: at, unit: 'op/s', better: 'more', targets }, series('rate')),
        comparison({ metric: `${at}, p99`, unit: 'ms', better: 'less' }, series('p99')),
      )
    }
    return { comparisons }
  },
}
