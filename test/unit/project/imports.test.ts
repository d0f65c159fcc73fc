import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'
import { violations } from '../../harness/import-rules.ts'
import { specifiersOf } from '../../harness/import-specifiers.ts'

const broken = (path: string, source: string) => violations([{ path, source }])

t.test('§2 every source keeps the import directions', async (t) => {
  const paths = globSync('{supervisor,healthchecks,images,compose,test}/**/*.{ts,mts,cts,mjs,cjs,js}', {
    cwd: checkout,
    exclude: ['**/node_modules/**'],
  })
  t.ok(paths.includes('supervisor/core/errors.ts'), 'the sources are found')
  const files = paths.map((path) => ({ path, source: readFileSync(join(checkout, path), 'utf8') }))
  t.same(violations(files), [])
})

t.test('§2 every way of naming a module is seen', async (t) => {
  const source = [
    `import a from 'a'`,
    `import type { B } from "b"`,
    `import 'c'`,
    `export * from 'd'`,
    `export {\n  e,\n} from 'e'`,
    `const f = await import('f')`,
    `type G = import('g').G`,
    `const h = require('h')`,
    'const i = `$' + '{await import("i")}`',
    `const j = import('j', { with: { type: 'json' } })`,
  ].join('\n')
  t.same(
    specifiersOf(source).map(({ name }) => name),
    [...'abcdefghij'],
  )
})

t.test('§2 what only looks like an import is not one', async (t) => {
  const source = [
    `// import a from 'a'`,
    `/* import('b')\n * from 'c' */`,
    `Array.from('d')`,
    `const text = "import e from 'e'"`,
    `const pattern = /from 'f' ["]/`,
    `loader.import('g')`,
    `import.meta.resolve`,
    `const from = 'h'`,
  ].join('\n')
  t.same(specifiersOf(source), [])
})

t.test('§2 the scanner finds its way past quotes in regular expressions and comments', async (t) => {
  const source = [
    `const quote = /[/'\`]/g // it's`,
    `const half = (1 + 2) / 3`,
    `if (!/"/.test(x)) y()`,
    `import('a')`,
  ].join('\n')
  t.same(specifiersOf(source), [{ name: 'a', line: 4 }])
})

t.test('§2 a part imports core, itself, node: and its own packages', async (t) => {
  t.same(broken('supervisor/gate/a.ts', `import x from '../core/clock.ts'`), [])
  t.same(broken('supervisor/gate/a.ts', `import x from './b.ts'`), [])
  t.same(
    broken('supervisor/gate/deep/a.ts', `import x from '../b.ts'; import y from '../../core/clock.ts'`),
    [],
  )
  t.same(broken('supervisor/gate/a.ts', `import x from 'node:net'; import y from 'p-retry'`), [])
})

t.test('§2 a part does not import another part', async (t) => {
  const expected = 'a part imports core/ and itself alone; what else it needs is passed in'
  t.same(broken('supervisor/gate/a.ts', `import x from '../config/load.ts'`), [
    `supervisor/gate/a.ts:1 imports "../config/load.ts": ${expected}`,
  ])
  t.match(broken('supervisor/gate/a.ts', `import type { X } from '../config/load.ts'`), [expected])
  t.match(broken('supervisor/gate/a.ts', `await import('../config/load.ts')`), [expected])
  t.match(broken('supervisor/cli/check.ts', `import x from '../config/load.ts'`), [expected])
  t.match(broken('supervisor/gate/a.ts', `import x from '../helpers.ts'`), [expected])
})

t.test('§2 core imports nothing of ours', async (t) => {
  t.match(broken('supervisor/core/a.ts', `import x from '../gate/b.ts'`), ['core/ imports nothing of ours'])
  t.match(broken('supervisor/core/a.ts', `import x from 'pino'`), ['its place is supervisor/logs/'])
  t.same(broken('supervisor/core/a.ts', `import x from './b.ts'; import y from 'node:fs'`), [])
})

t.test('§2 only the composition roots see several parts, and nothing imports them', async (t) => {
  const several = `import a from './gate/a.ts'; const b = await import('./http/b.ts')`
  t.same(broken('supervisor/main.ts', several), [])
  t.same(broken('supervisor/flowkeep.ts', `${several}; await import('./main.ts')`), [])
  t.same(broken('supervisor/cli/main.ts', `import a from '../gate/a.ts'`), [])
  t.equal(broken('supervisor/other.ts', several).length, 2)
  t.match(broken('supervisor/gate/a.ts', `import x from '../main.ts'`), [
    'nothing imports a composition root',
  ])
})

t.test('§2 host tools know the errors, units and tables of the supervisor alone', async (t) => {
  t.same(broken('images/a.ts', `import x from '../supervisor/core/errors.ts'; import y from 'esbuild'`), [])
  t.same(
    broken('compose/a/b.ts', `import x from '../../supervisor/core/units.ts'; import y from '../c.ts'`),
    [],
  )
  t.match(broken('compose/a.ts', `import x from '../supervisor/core/exit.ts'`), [
    'errors, units and tables of core/ alone',
  ])
  t.match(broken('images/a.ts', `import x from '../compose/b.ts'`), [
    'errors, units and tables of core/ alone',
  ])
  t.match(broken('supervisor/gate/a.ts', `import x from '../../compose/b.ts'`), ['does not know compose/'])
})

t.test('§2 nothing imports test/, and test/ may import anything', async (t) => {
  t.match(broken('supervisor/gate/a.ts', `import x from '../../test/harness/b.ts'`), [
    'nothing imports test/',
  ])
  t.match(broken('images/a.ts', `import x from '../test/harness/b.ts'`), ['nothing imports test/'])
  t.same(
    broken('test/unit/gate/a.test.ts', `import x from '../../../supervisor/gate/a.ts'; import y from 'tap'`),
    [],
  )
})

t.test('§2 packages stay in their places', async (t) => {
  t.match(broken('supervisor/gate/a.ts', `import x from 'fastify'`), ['its place is supervisor/http/'])
  t.match(broken('supervisor/gate/a.ts', `import x from 'left-pad'`), ['has no place yet'])
  t.match(broken('supervisor/gate/a.ts', `import x from 'constructor'`), ['has no place yet'])
  t.match(broken('supervisor/main.ts', `import x from 'pg/lib/client.js'`), [
    'its place is supervisor/postgres/',
  ])
  t.match(broken('supervisor/gate/a.ts', `import x from 'fs'`), ['write "node:fs"'])
  t.match(broken('supervisor/gate/a.ts', `await import(name)`), ['cannot be checked'])
  t.match(broken('supervisor/gate/a.ts', `await import('../' + name)`), ['cannot be checked'])
  t.match(broken('supervisor/gate/a.ts', `import x from 'https://example.org/x.js'`), ['only relative paths'])
})
