// SIGKILL at any moment, several writers on one volume: what was acknowledged is there.
// FLOWKEEP_KILLS=1000 for the long form.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../supervisor/core/clock.ts'
import { loadNative } from '../../../../supervisor/process/native.ts'
import { abandonedSlots } from '../../../../supervisor/queue/journal/slots.ts'
import type { Known } from '../../../../supervisor/queue/journal.ts'
import { checkout } from '../../../harness/checkout.ts'
import { memoryDirectory, openInProcess } from '../../../harness/journal.ts'

const kills = Number(process.env['FLOWKEEP_KILLS'] ?? 4)
const writers = 3

t.test(`R8.3 ${kills} rounds of SIGKILL with ${writers} writers: nothing acknowledged is lost`, async (t) => {
  const root = memoryDirectory(t)
  const said = new Map<string, string>()
  for (let round = 0; round < kills; round++) {
    await Promise.all(
      Array.from({ length: writers }, (_, n) => killedWriter(root, said, 20 + 17 * n + 13 * round)),
    )
  }
  const slots = abandonedSlots({ root, tryLock: loadNative().tryLock }, 100)
  const known = new Map<string, Known>()
  for (const { directory } of slots) {
    const journal = await openInProcess(directory, systemClock)
    t.match(journal.figures, { corruptEntries: 0, quarantinedFiles: [] })
    const ids = [...said.keys()]
    const found = await journal.lookUp(ids.map((id) => ({ id, target: 'db', key: '' })))
    for (const [n, each] of found.entries()) if (each.known) known.set(ids[n] ?? '', each.known)
    await journal.close()
  }
  const lost = [...said].filter(([id, word]) => !fits(word, known.get(id)))
  t.same(lost, [])
  t.ok(said.size > kills * 100, `${said.size} were acknowledged`)
  t.ok(slots.length >= writers, `${slots.length} slots`)
})

/** Killed so long after its first acknowledgement. */
async function killedWriter(root: string, said: Map<string, string>, afterMs: number): Promise<void> {
  const program = join(checkout, 'test/fixtures/queue-writer.ts')
  const child = spawn(process.execPath, [program, root, 'worker'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    if (!text.includes('ack') && String(chunk).includes('ack'))
      setTimeout(() => child.kill('SIGKILL'), afterMs)
    text += chunk
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  await closed(child, () => errors)
  for (const line of text.split('\n').slice(0, -1)) {
    const [word = '', id = ''] = line.split(' ')
    if (word !== 'open') said.set(id, word)
  }
}

async function closed(child: ChildProcess, errors: () => string): Promise<void> {
  const [code, signal] = await once(child, 'close')
  if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself: ${code ?? signal} ${errors()}`)
}

function fits(word: string, known: Known | undefined): boolean {
  if (word === 'ack') return known !== undefined
  return known?.state === word
}
