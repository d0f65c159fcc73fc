import t from 'tap'
import { watchFiles } from '../../../supervisor/config/watch.ts'
import { createTestClock } from '../../harness/test-clock.ts'

function watch(files: Map<string, string>) {
  const clock = createTestClock()
  let changes = 0
  const stop = watchFiles({
    clock,
    intervalMs: 1000,
    files: () => [...files.keys()],
    fingerprint: (path) => files.get(path) ?? 'missing',
    changed: () => {
      changes++
    },
  })
  return { clock, stop, changes: () => changes }
}

t.test('R1.5 a change counts once, when it has stood still for an interval', async (t) => {
  const files = new Map([['/settings', 'a']])
  const { clock, changes } = watch(files)
  clock.advance(5000)
  t.equal(changes(), 0)
  files.set('/settings', 'b')
  clock.advance(1000)
  t.equal(changes(), 0, 'it may still be changing')
  clock.advance(1000)
  t.equal(changes(), 1)
  clock.advance(10_000)
  t.equal(changes(), 1)
})

t.test('R1.5 a storm of changes is one reload, at its end', async (t) => {
  const files = new Map([
    ['/settings', 'a'],
    ['/secret', 'a'],
  ])
  const { clock, changes } = watch(files)
  for (let change = 0; change < 20; change++) {
    files.set(change % 2 === 0 ? '/settings' : '/secret', `storm ${change}`)
    clock.advance(1000)
  }
  t.equal(changes(), 0)
  clock.advance(1000)
  t.equal(changes(), 1)
})

t.test('R1.5 a change that is taken back is none', async (t) => {
  const files = new Map([['/settings', 'a']])
  const { clock, changes, stop } = watch(files)
  files.set('/settings', 'b')
  clock.advance(1000)
  files.set('/settings', 'a')
  clock.advance(5000)
  t.equal(changes(), 0)
  stop()
  t.equal(clock.armed, 0)
})
