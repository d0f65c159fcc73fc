import t from 'tap'
import { select, stageNames } from '../../harness/selection.ts'

const all = [
  'test/unit/gate/a.test.ts',
  'test/unit/gate/b.test.ts',
  'test/integration/gate/c.test.ts',
  'test/container/d.test.ts',
]

t.test('R4.7 no argument runs everything', async (t) => {
  const { stages, files } = select([], all)
  t.same([...stages], [...stageNames])
  t.same(files, {
    unit: ['test/unit/gate/a.test.ts', 'test/unit/gate/b.test.ts'],
    integration: ['test/integration/gate/c.test.ts'],
    container: ['test/container/d.test.ts'],
  })
})

t.test('R4.7 a tier runs alone, and what needs the bundle gets it', async (t) => {
  t.same([...select(['unit'], all).stages], ['unit'])
  t.same([...select(['integration'], all).stages], ['integration', 'bundle'])
  t.same([...select(['container'], all).stages], ['container', 'bundle'])
  t.same([...select(['lint', 'typecheck'], all).stages], ['lint', 'typecheck'])
  t.same(select(['unit'], all).files.integration, [])
})

t.test('R4.7 a path runs the files that it is or holds, and their tiers alone', async (t) => {
  const { stages, files } = select(['./test/unit/gate/'], all)
  t.same([...stages], ['unit'])
  t.equal(files.unit.length, 2)
  t.same(select(['--', 'test/unit/gate/a.test.ts'], all).files.unit, ['test/unit/gate/a.test.ts'])
  t.same(select(['unit', 'test/unit/gate/a.test.ts', 'test/unit'], all).files.unit.length, 2)
})

t.test('R4.7 an argument that names nothing is refused', async (t) => {
  t.throws(() => select(['untested'], all), /"untested" is neither a stage/)
  t.throws(() => select(['test/unit/gat'], all), /"test\/unit\/gat" is neither/)
})

t.test('R4.7 a tier and a path that have nothing in common are refused, not passed', async (t) => {
  t.throws(() => select(['unit', 'test/container'], all), /"unit" and the paths given/)
  t.throws(() => select(['test/unit/gate', 'integration'], all), /"integration" and the paths given/)
})
