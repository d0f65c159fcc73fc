// The view of a real file system: every kind of file, and what cannot be seen.

import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { systemView as view } from '../../../supervisor/security/system-view.ts'
import { Unreadable } from '../../../supervisor/security/view.ts'
import { walk } from '../../../supervisor/security/walk.ts'
import { shortDirectory } from '../../harness/short-directory.ts'

t.test('R7 what is not there is nothing, or unreadable where it has to be read', async (t) => {
  t.equal(view.lstat('/no/such/place'), undefined)
  t.equal(view.stat('/etc/passwd/inside'), undefined)
  t.same(view.names('/no/such/place'), [])
  t.throws(() => view.text('/no/such/file'), new Unreadable('/no/such/file', 'ENOENT'))
  t.throws(() => view.link('/etc/passwd'), { code: 'EINVAL' })
  t.equal(await view.mayWrite('/no/such/file'), false)
  await t.rejects(view.entries('/no/such/place', 10), { code: 'ENOENT' })
})

t.test('R7 files of /proc are read whole, though they say that they are empty', async (t) => {
  t.match(view.text('/proc/self/status'), /^Name:[\s\S]*\nCapBnd:/)
  t.match(view.link('/proc/self/ns/pid'), /^pid:\[\d+\]$/)
  t.match(view.lstat('/dev/null'), { kind: 'character', major: 1, minor: 3 })
})

t.test('R7 a file without end is not read on', async (t) => {
  const path = join(t.testdir({}), 'large')
  writeFileSync(path, '')
  truncateSync(path, limits.securityFileBytes + 1)
  t.throws(() => view.text(path), /too large/)
  t.throws(() => view.text('/dev/zero'), /too large/)
})

t.test('R7 every kind of file is told, links are not followed unless asked', async (t) => {
  const directory = shortDirectory(t)
  const at = (name: string) => join(directory, name)
  writeFileSync(at('program'), '')
  chmodSync(at('program'), 0o4711)
  mkdirSync(at('open'))
  chmodSync(at('open'), 0o1777)
  symlinkSync(at('program'), at('link'))
  symlinkSync('/no/such/place', at('broken'))
  const server = createServer().listen(at('socket'))
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { entries, all } = await view.entries(directory, 10)
  t.equal(all, true)
  const kinds = Object.fromEntries(
    entries.map(({ name, facts }) => [name, [facts.kind, facts.mode.toString(8)]]),
  )
  t.match(kinds, {
    program: ['file', '4711'],
    open: ['directory', '1777'],
    link: ['symlink'],
    broken: ['symlink'],
    socket: ['socket'],
  })
  t.equal(view.stat(at('link'))?.kind, 'file')
  t.equal(view.stat(at('broken')), undefined)
  t.same(view.names(directory), ['broken', 'link', 'open', 'program', 'socket'])
  const some = await view.entries(directory, 3)
  t.equal(some.entries.length, 3)
  t.equal(some.all, false)
})

t.test('R7.4 a walk leaves by no link and comes to an end in a loop of them', async (t) => {
  const directory = t.testdir({ a: { b: {} }, outside: { sentinel: '' } })
  symlinkSync(directory, join(directory, 'a', 'b', 'up'))
  symlinkSync(join(directory, 'outside'), join(directory, 'a', 'out'))
  const seen: string[] = []
  const parts = { view, clock: systemClock, restMs: 0 }
  const end = await walk(parts, join(directory, 'a'), new Set(), (path) => {
    seen.push(path.slice(directory.length))
  })
  t.same(seen.sort(), ['/a', '/a/b', '/a/b/up', '/a/out'])
  t.match(end, { entries: 4, cut: undefined })
})
