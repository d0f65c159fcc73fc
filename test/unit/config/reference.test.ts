import { readFileSync } from 'node:fs'
import t from 'tap'
import { renderReference, replaceReference, sectionsLeftOut } from '../../../supervisor/config/reference.ts'
import { databaseSchema, leavesOf, schema, serviceSchema } from '../../../supervisor/config/schema.ts'

const trees = [schema, databaseSchema('CONTAINER_DATABASE_<NAME>'), serviceSchema('CONTAINER_SERVICE_<NAME>')]

t.test('§5 the reference has a row for every variable, with default, format and meaning', async (t) => {
  const rows = renderReference()
    .split('\n')
    .filter((line) => line.startsWith('| `CONTAINER_'))
  const leaves = trees.flatMap((tree) => leavesOf(tree))
  t.equal(rows.length, leaves.length)
  t.same(sectionsLeftOut(), [])
  for (const { setting } of leaves) {
    const row = rows.find((row) => row.startsWith(`| \`${setting.env}\` |`))
    t.equal(row?.split(/(?<!\\)\|/).length, 6, setting.env)
    t.match(row, setting.format)
    t.match(row, setting.doc)
  }
  t.match(renderReference(), '| `CONTAINER_FLOW_NAME` | required |')
  t.match(renderReference(), '| `CONTAINER_STOP_GRACE` | `8s` |')
  t.match(renderReference(), '| `CONTAINER_INSTANCE_ID` | the host name |')
})

t.test('§5 only what stands between the markers is replaced, and twice is the same as once', async (t) => {
  const text = 'before $& $1\n<!-- configuration:begin -->\nold\n<!-- configuration:end -->\nafter\n'
  const replaced = replaceReference(text)
  t.equal(
    replaced,
    `before $& $1\n<!-- configuration:begin -->\n${renderReference()}\n<!-- configuration:end -->\nafter\n`,
  )
  t.equal(replaceReference(replaced), replaced)
})

t.test('§5 a text without its markers is refused', async (t) => {
  const [begin, end] = ['<!-- configuration:begin -->', '<!-- configuration:end -->']
  for (const text of [
    '',
    begin,
    end,
    end + begin,
    begin + end + end,
    begin + begin + end,
    begin + end + begin,
  ]) {
    t.throws(() => replaceReference(text), /needs/, JSON.stringify(text))
  }
})

t.test('§5 the README’s copy of the reference is true', async (t) => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  t.equal(readme, replaceReference(readme), 'renew it with what `flowkeep config --reference` prints')
})
