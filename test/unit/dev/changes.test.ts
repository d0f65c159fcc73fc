import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isScratch, planFor } from '../../../compose/dev/changes.ts'
import { watchFiles } from '../../../compose/dev/watch-files.ts'

t.test(
  'R4.5 code under a mount starts its flows again, other inputs are built, the rest is nothing',
  async (t) => {
    const mounts = [
      { service: 'flow1', source: '/c/flows/flow1' },
      { service: 'flow1', source: '/c/flows/common' },
      { service: 'flow2', source: '/c/flows/common' },
    ]
    const plan = (...changed: string[]) => {
      const { restart, build, configuration } = planFor(
        changed,
        mounts,
        ['/c/compose.yaml'],
        (path) => !path.includes('test'),
      )
      return [[...restart.keys()], build, configuration]
    }
    t.same(plan('/c/flows/flow1/a.py', '/c/flows/flow1/b.py'), [['flow1'], [], []])
    t.same(plan('/c/flows/common/a.py'), [['flow1', 'flow2'], [], []])
    t.same(plan('/c/flows/flow10/a.py'), [[], ['/c/flows/flow10/a.py'], []])
    t.same(plan('/c/core/main.ts', '/c/test/a.ts'), [[], ['/c/core/main.ts'], []])
    t.same(plan('/c/compose.yaml'), [[], [], ['/c/compose.yaml']])
  },
)

t.test('R4.5 what editors and interpreters write beside a file is no save', async (t) => {
  for (const path of [
    '/a/.main.py.swp',
    '/a/main.py~',
    '/a/4913',
    '/a/__pycache__/x',
    '/a/x.pyc',
    '/a/.git/index',
    '/a/#x#',
  ]) {
    t.ok(isScratch(path), path)
  }
  for (const path of ['/a/main.py', '/a/data.csv', '/a/.dockerignore', '/a/git/x'])
    t.notOk(isScratch(path), path)
})

t.test(
  'R4.5 one save is one batch, however often the editor writes, and a save without a change is none',
  async (t) => {
    const root = t.testdir({ code: { 'a.py': 'one', 'b.py': 'same', 'c.py': 'gone' } })
    const batches: (readonly string[])[] = []
    let wake = () => {}
    const files = watchFiles([join(root, 'code')], root, (paths) => {
      batches.push(paths)
      wake()
    })
    t.teardown(() => files.close())
    const next = () =>
      new Promise<void>((resolve) => {
        wake = resolve
      })
    let batch = next()
    for (const text of ['', 'tw', 'two']) writeFileSync(join(root, 'code/a.py'), text)
    writeFileSync(join(root, 'code/.a.py.swp'), 'x')
    writeFileSync(join(root, 'code/b.py'), 'same')
    writeFileSync(join(root, 'code/sedAb12'), 'one on its way')
    rmSync(join(root, 'code/sedAb12'))
    rmSync(join(root, 'code/c.py'))
    await batch
    t.same(batches, [[join(root, 'code/a.py'), join(root, 'code/c.py')]])
    batch = next()
    writeFileSync(join(root, 'code/a.py'), 'two')
    mkdirSync(join(root, 'code/deep'))
    writeFileSync(join(root, 'top.json'), '{}')
    await batch
    t.same(batches[1], [join(root, 'top.json')], 'the same content and a folder are not in it')
  },
)
