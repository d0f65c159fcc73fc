// A disk that is full at any write: what was acknowledged stays and still drains; new work is refused by name.

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { limits } from '../../../../supervisor/core/limits.ts'
import type { Journal } from '../../../../supervisor/queue/journal.ts'
import { newEntry, openInProcess, takeAll } from '../../../harness/journal.ts'
import { createTestClock } from '../../../harness/test-clock.ts'

const skip = process.getuid?.() === 0 ? false : 'only root can mount a small disk'
const kibibyte = 1024
const bounds = { ballastBytes: 1024 * kibibyte, diskFloorBytes: 0 }

function smallDisk(t: Test, kibibytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-disk-'))
  const { status } = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${kibibytes}k`,
    'flowkeep-test',
    directory,
  ])
  t.teardown(() => {
    if (status === 0) spawnSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true, force: true })
  })
  if (status !== 0) t.comment('no small disk can be mounted here')
  return directory
}

/** Leaves so many KiB free. */
function fillUp(directory: string, leaveKibibytes: number): string {
  const path = join(directory, 'filler')
  const { bavail, bsize } = statfsSync(directory)
  const fd = openSync(path, 'w')
  const bytes = bavail * bsize - leaveKibibytes * kibibyte
  for (let left = bytes; left > 0; left -= 4096) writeSync(fd, Buffer.alloc(Math.min(left, 4096)))
  closeSync(fd)
  return path
}

async function append(journal: Journal, from: number, count: number) {
  const entries = Array.from({ length: count }, (_, n) =>
    newEntry(`id-${from + n}`, { key: `k${n % 3}`, params: ['x'.repeat(900)] }),
  )
  return journal.append(entries)
}

async function drain(journal: Journal): Promise<number> {
  let count = 0
  for (;;) {
    const taken = await journal.take('db', { ...takeAll, limit: 50 })
    if (taken.length === 0) return count
    await journal.settle(taken.map(({ seq }) => ({ to: 'done', seq, result: [seq] })))
    count += taken.length
  }
}

t.test(
  'R8.3 a disk that fills up at any moment loses nothing, drains, and takes work again',
  { skip },
  async (t) => {
    const directory = smallDisk(t, 8 * 1024)
    for (let leave = 0; leave <= 320; leave += 16) {
      const slot = mkdtempSync(join(directory, 'slot-'))
      let journal = await openInProcess(slot, createTestClock(), bounds)
      let [stored, refused] = [0, 0]
      const count = async (from: number) => {
        for (const each of await append(journal, from, 20)) {
          if (each.state === 'stored') stored++
          else if (each.state === 'full' && each.bound === 'disk') refused++
          else t.fail(`${leave} KiB left: ${JSON.stringify(each)}`)
        }
      }
      await count(0)
      const filler = fillUp(directory, leave)
      for (let from = 20; from < 600; from += 20) await count(from)
      t.ok(refused > 0, `${leave} KiB left: ${refused} refused`)
      t.match(journal.figures, { operations: stored, corruptEntries: 0 })
      // Also for a process that starts on the full disk.
      await journal.close()
      journal = await openInProcess(slot, createTestClock(), bounds)
      t.equal(await drain(journal), stored, `${leave} KiB left: all ${stored} drain`)
      truncateSync(filler, 0)
      t.match(await journal.append([newEntry('later')]), [{ state: 'stored' }])
      t.match(journal.figures, { diskFull: false, corruptEntries: 0, quarantinedFiles: [] })
      await journal.close()
      rmSync(slot, { recursive: true })
      rmSync(filler)
    }
  },
)

t.test(
  'R8.3 new work is refused before the disk is full, and taken again when there is room',
  { skip },
  async (t) => {
    const directory = smallDisk(t, 4 * 1024)
    const journal = await openInProcess(directory, createTestClock(), {
      ...bounds,
      diskFloorBytes: 64 * kibibyte,
    })
    t.match(await append(journal, 0, 1), [{ state: 'stored' }])
    const filler = fillUp(directory, 60)
    t.match(await append(journal, 1, 1), [{ state: 'full', bound: 'disk' }])
    t.equal(journal.figures.diskFull, true)
    t.match(await append(journal, 0, 1), [{ state: 'known' }], 'what is in is known all the same')
    truncateSync(filler, 0)
    t.equal(journal.figures.diskFull, false)
    t.match(await append(journal, 1, 1), [{ state: 'stored' }])
    await journal.close()
  },
)

t.test('R8.3 a disk that is read only, or gone, is an error by name', { skip }, async (t) => {
  const directory = smallDisk(t, 8 * 1024)
  const clock = createTestClock()
  const journal = await openInProcess(directory, clock, { ballastBytes: 4096 })
  await append(journal, 0, 5)
  await journal.close()
  spawnSync('mount', ['-o', 'remount,ro', directory])
  const failing = { code: 'state_directory_unavailable' }
  await t.rejects(openInProcess(directory, clock, { ballastBytes: 4096 }), failing)
  spawnSync('mount', ['-o', 'remount,rw', directory])
  const again = await openInProcess(directory, clock, { ballastBytes: 4096 })
  t.equal(await drain(again), 5)
  await again.close()
  await t.rejects(openInProcess(join(directory, 'gone'), clock), failing)
})

t.test(
  'R8.3 a queue that filled the disk by itself gives it back when it is drained',
  { skip },
  async (t) => {
    const directory = smallDisk(t, 24 * 1024)
    const journal = await openInProcess(directory, createTestClock(), {
      ballastBytes: limits.queueBallastBytes,
      diskFloorBytes: 1024 * kibibyte,
    })
    let stored = 0
    for (let from = 0; from < 40_000 && !journal.figures.diskFull; from += 50) {
      for (const each of await append(journal, from, 50)) if (each.state === 'stored') stored++
    }
    t.equal(await drain(journal), stored)
    t.equal(journal.figures.diskFull, false)
    t.match(await append(journal, 1e6, 1), [{ state: 'stored' }])
    await journal.close()
  },
)
