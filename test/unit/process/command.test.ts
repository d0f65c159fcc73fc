import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { refusedByExec, resolveCommand } from '../../../supervisor/process/command.ts'

t.test('§4 a command is found by PATH or by its path', async (t) => {
  const directory = t.testdir({ tool: '#!/bin/sh\n' })
  chmodSync(join(directory, 'tool'), 0o755)
  t.equal(resolveCommand('tool', `/nonexistent:${directory}`), join(directory, 'tool'))
  t.equal(resolveCommand(join(directory, 'tool'), undefined), join(directory, 'tool'))
})

t.test('§4 127: no such command; 126: it is there but cannot be run', async (t) => {
  const directory = t.testdir({ plain: 'text', folder: {} })
  t.throws(() => resolveCommand('no-such-tool', directory), { code: 'command_not_found' })
  t.throws(() => resolveCommand('/no/such/tool', directory), { code: 'command_not_found' })
  t.throws(() => resolveCommand('plain', directory), { code: 'command_not_executable' })
  t.throws(() => resolveCommand('folder', directory), {
    code: 'command_not_executable',
    message: /a directory/,
  })
})

t.test('§4 a file that cannot be run does not hide one further down PATH that can', async (t) => {
  const directory = t.testdir({ first: { tool: 'text' }, second: { tool: '#!/bin/sh\n' } })
  writeFileSync(join(directory, 'second', 'tool'), '#!/bin/sh\n', { mode: 0o755 })
  chmodSync(join(directory, 'second', 'tool'), 0o755)
  const path = `${join(directory, 'first')}:${join(directory, 'second')}`
  t.equal(resolveCommand('tool', path), join(directory, 'second', 'tool'))
})

t.test('§4 a directory of PATH that cannot be searched hides nothing', async (t) => {
  // A loop stands for lacking permission, which root never does.
  const directory = t.testdir({ loop: t.fixture('symlink', 'loop'), second: { tool: '#!/bin/sh\n' } })
  chmodSync(join(directory, 'second', 'tool'), 0o755)
  const unsearchable = join(directory, 'loop')
  const path = `${unsearchable}:${join(directory, 'second')}`
  t.equal(resolveCommand('tool', path), join(directory, 'second', 'tool'))
  t.throws(() => resolveCommand('tool', unsearchable), { code: 'command_not_executable' })
})

t.test(
  'R1.4 where the kernel lacks something for the command, the hint is not about the command',
  async (t) => {
    const error = await new Promise((resolve) => {
      try {
        spawn('/bin/true', ['x'.repeat(200_000)]).once('error', resolve)
      } catch (thrown) {
        resolve(thrown)
      }
    })
    t.match(refusedByExec('/bin/true', error), { message: /E2BIG/, hint: /^shorten/ })
    const none = Object.assign(new Error('spawn'), { code: 'EAGAIN' })
    t.match(refusedByExec('/bin/true', none), { code: 'command_not_executable', hint: /limit of processes/ })
  },
)
