// A walk ends, whatever the file system looks like, and says what it has not seen.

import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { type Entry, type FileFacts, Unreadable, type View } from '../../../supervisor/security/view.ts'
import { walk } from '../../../supervisor/security/walk.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { recordedView, type Tree } from './recorded.ts'

async function visited(tree: Tree, elsewhere: readonly string[] = [], restMs = 0) {
  const paths: string[] = []
  const parts = { view: recordedView(tree), clock: createTestClock(), restMs }
  const end = await walk(parts, '/', new Set(elsewhere), (path) => {
    paths.push(path)
  })
  return { ...end, paths: paths.sort() }
}

t.test('R7.4 everything on one file system is visited once, and nothing else', async (t) => {
  const { paths, cut } = await visited(
    {
      '/a/b': '',
      '/a/link': { link: '/a' },
      '/disk': { kind: 'directory', device: 2 },
      '/disk/c': { device: 2 },
      '/bound/d': '',
    },
    ['/bound'],
  )
  t.same(paths, ['/', '/a', '/a/b', '/a/link'])
  t.equal(cut, undefined)
})

t.test('R7.4 a root that is not there is nothing to see', async (t) => {
  const parts = { view: recordedView({ '/a': '' }), clock: createTestClock(), restMs: 0 }
  t.same(
    await walk(parts, '/b', new Set(), () => {
      t.fail('visited')
    }),
    {
      entries: 0,
      cut: undefined,
      closed: 0,
    },
  )
})

t.test('R7.4 what is out of reach is counted; what can be entered unseen cuts the walk', async (t) => {
  t.match(await visited({ '/root': { error: 'EACCES' }, '/a': '' }), { closed: 1, cut: undefined })
  t.match(await visited({ '/x': { error: 'EACCES', enterable: true }, '/a': '' }), {
    closed: 0,
    cut: /\/x .*EACCES/,
  })
  t.match(await visited({ '/x': { error: 'EIO' } }), { cut: /EIO/ })
})

t.test('R7.4 a directory that is removed meanwhile is no reason to doubt', async (t) => {
  const view = recordedView({ '/a/b': '', '/c': '' })
  const gone: View = {
    ...view,
    entries: (path, most) =>
      path === '/a' ? Promise.reject(new Unreadable(path, 'ENOENT')) : view.entries(path, most),
  }
  const end = await walk({ view: gone, clock: createTestClock(), restMs: 0 }, '/', new Set(), () => undefined)
  t.match(end, { cut: undefined, entries: 3 })
})

const directory: FileFacts = { kind: 'directory', mode: 0o755, uid: 0, gid: 0, device: 1, major: 0, minor: 0 }

/** A file system without end: each directory has as many directories. */
function endless(perDirectory: number, listed: () => void = () => undefined): View {
  const entries: Entry[] = Array.from({ length: perDirectory }, (_, n) => ({
    name: String(n),
    facts: directory,
  }))
  return {
    ...recordedView({}),
    lstat: () => directory,
    async entries(_path, most) {
      listed()
      return { entries: entries.slice(0, most), all: entries.length <= most }
    },
  }
}

t.test('R7.4 a walk is cut after so many entries', async (t) => {
  let seen = 0
  const parts = { view: endless(30), clock: createTestClock(), restMs: 0 }
  const count = () => {
    seen += 1
  }
  const end = await walk(parts, '/', new Set(), count, 1_000)
  t.equal(end.cut, 'after 1000 entries')
  t.equal(seen, 1_000)
})

t.test('R7.4 a walk is cut after so long', async (t) => {
  const clock = createTestClock()
  const view = endless(10, () => clock.advance(1_000))
  const end = await walk({ view, clock, restMs: 0 }, '/', new Set(), () => undefined)
  t.match(end.cut, new RegExp(`after ${limits.securityWalkMs / 1000} s`))
  t.ok(end.entries < limits.securityWalkEntries)
})

t.test('R7.4 a walk in a running supervisor rests between batches', async (t) => {
  const clock = createTestClock()
  let listed = 0
  const view = endless(limits.securityWalkBatch, () => {
    listed += 1
  })
  const walking = walk({ view, clock, restMs: limits.securityWalkRestMs }, '/', new Set(), () => undefined)
  const atRest = async () => {
    while (clock.armed === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await atRest()
  t.equal(listed, 1)
  clock.advance(limits.securityWalkRestMs)
  await atRest()
  t.equal(listed, 2)
  clock.advance(limits.securityWalkMs + 1)
  t.match((await walking).cut, /after/)
})
