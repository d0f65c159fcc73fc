import t from 'tap'
import { affectedTests } from '../../harness/affected.ts'

const sources = [
  { path: 'supervisor/core/a.ts', text: '' },
  { path: 'supervisor/gate/b.ts', text: `import type { A } from '../core/a.ts'` },
  { path: 'test/unit/core/a.test.ts', text: `import a from '../../../supervisor/core/a.ts'` },
  { path: 'test/unit/gate/b.test.ts', text: `const b = await import('../../../supervisor/gate/b.ts')` },
  { path: 'test/unit/other.test.ts', text: `import 'tap'` },
  { path: 'test/harness/start.ts', text: 'spawn(`${' + 'checkout}/supervisor/gate/b.ts`)' },
  { path: 'test/integration/c.test.ts', text: `import '../harness/start.ts'` },
  { path: 'test/unit/page.test.ts', text: `readFileSync('runbooks/README.md')` },
]
const reached = (...changed: string[]) =>
  affectedTests(sources, changed).map(({ file, distance }) => `${distance} ${file}`)

t.test(
  'R4.7 a change reaches tests by imports, by types, and by files that are named; the nearest come first',
  async (t) => {
    t.same(reached('supervisor/core/a.ts'), [
      '1 test/unit/core/a.test.ts',
      '2 test/unit/gate/b.test.ts',
      '3 test/integration/c.test.ts',
    ])
    t.same(reached('supervisor/gate/b.ts'), ['1 test/unit/gate/b.test.ts', '2 test/integration/c.test.ts'])
    t.same(reached('runbooks/README.md'), ['1 test/unit/page.test.ts'])
    t.same(reached('test/unit/other.test.ts'), ['0 test/unit/other.test.ts'])
    t.same(reached('LICENSE'), [])
    t.same(reached('test/unit/removed.test.ts'), [], 'what is gone cannot be run')
  },
)
