import t from 'tap'
import { createDisks } from '../../../supervisor/resources/disk.ts'
import { createTestClock } from '../../harness/test-clock.ts'

t.test('R8.4 what is free for an unprivileged process, for each path that exists', async (t) => {
  const clock = createTestClock()
  const disks = createDisks(
    () => ['/a', '/absent'],
    clock,
    async (path) => {
      if (path === '/absent') throw new Error('ENOENT')
      return { bsize: 4096, blocks: 100, bfree: 30, bavail: 10, files: 7, ffree: 5 }
    },
  )
  t.strictSame(
    [...(await disks.spaces())],
    [['/a', { freeBytes: 40_960, sizeBytes: 80 * 4096, freeInodes: 5, inodes: 7 }]],
  )
  t.equal(clock.armed, 0)
})

t.test('R8.4 a file system that does not answer is left out, and asked only once', async (t) => {
  const clock = createTestClock()
  let asked = 0
  const figures = (bavail: number) => ({ bsize: 1, blocks: 9, bfree: bavail, bavail, files: 0, ffree: 0 })
  let answer = (_: ReturnType<typeof figures>) => {}
  const disks = createDisks(
    () => ['/dead', '/a'],
    clock,
    (path) => {
      if (path === '/a') return Promise.resolve(figures(1))
      asked++
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  )
  for (let scrape = 0; scrape < 3; scrape++) {
    const pending = disks.spaces()
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1_000)
    t.strictSame([...(await pending).keys()], ['/a'])
  }
  t.equal(asked, 1)
  answer(figures(2))
  await new Promise((resolve) => setImmediate(resolve))
  const again = disks.spaces()
  answer(figures(3))
  t.equal((await again).get('/dead')?.freeBytes, 3)
  t.equal(asked, 2)
  t.equal(clock.armed, 0)
})

t.test('R8.4 nor is one that hangs asked again because a reload has changed the paths', async (t) => {
  const clock = createTestClock()
  const asked: string[] = []
  let paths = ['/dead']
  const disks = createDisks(
    () => paths,
    clock,
    (path) => {
      asked.push(path)
      return new Promise(() => {})
    },
  )
  for (const more of ['/b', '/c']) {
    const pending = disks.spaces()
    clock.advance(1_000)
    await pending
    paths = [...paths, more]
  }
  t.strictSame(asked, ['/dead', '/b'])
})

t.test('R8.4 the real file system answers', async (t) => {
  t.ok(((await createDisks(() => ['/']).spaces()).get('/')?.sizeBytes ?? 0) > 0)
})
