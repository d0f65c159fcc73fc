import t from 'tap'
import { createDisks } from '../../../supervisor/resources/disk.ts'
import { createTestClock } from '../../harness/test-clock.ts'

t.test('R8.4 what is free for an unprivileged process, for each path that exists', async (t) => {
  const clock = createTestClock()
  const disks = createDisks(['/a', '/absent'], clock, async (path) => {
    if (path === '/absent') throw new Error('ENOENT')
    return { bavail: 10, bsize: 4096 }
  })
  t.strictSame([...(await disks.freeBytes())], [['/a', 40_960]])
  t.equal(clock.armed, 0)
})

t.test('R8.4 a file system that does not answer is left out, and asked only once', async (t) => {
  const clock = createTestClock()
  let asked = 0
  let answer = (_: { bavail: number; bsize: number }) => {}
  const disks = createDisks(['/dead', '/a'], clock, (path) => {
    if (path === '/a') return Promise.resolve({ bavail: 1, bsize: 1 })
    asked++
    return new Promise((resolve) => {
      answer = resolve
    })
  })
  for (let scrape = 0; scrape < 3; scrape++) {
    const pending = disks.freeBytes()
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1_000)
    t.strictSame([...(await pending)], [['/a', 1]])
  }
  t.equal(asked, 1)
  answer({ bavail: 2, bsize: 2 })
  await new Promise((resolve) => setImmediate(resolve))
  const again = disks.freeBytes()
  answer({ bavail: 3, bsize: 3 })
  t.equal((await again).get('/dead'), 9)
  t.equal(asked, 2)
  t.equal(clock.armed, 0)
})

t.test('R8.4 the real file system answers', async (t) => {
  t.ok(((await createDisks(['/']).freeBytes()).get('/') ?? 0) > 0)
})
