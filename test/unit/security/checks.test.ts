// All 38 checks on recorded containers: the closed one passes every one of them, and each row changes one thing.

import t from 'tap'
import { checks } from '../../../supervisor/security/catalogue.ts'
import { SecurityValidator } from '../../../supervisor/security/validator.ts'
import { recordedContainer } from './recorded.ts'
import { environmentRows } from './rows/environment.ts'
import { fileRows } from './rows/files.ts'
import { identityRows } from './rows/identity.ts'
import { kernelRows } from './rows/kernel.ts'
import { mountRows } from './rows/mounts.ts'
import { resourceRows } from './rows/resources.ts'
import type { Row } from './rows/row.ts'

const rows: readonly Row[] = [
  ...identityRows,
  ...kernelRows,
  ...mountRows,
  ...resourceRows,
  ...fileRows,
  ...environmentRows,
]

const ids = Array.from({ length: 38 }, (_, index) => `S${String(index + 1).padStart(2, '0')}`)

t.test('R7.1 there are 38 checks, S01 to S38, each with all it takes to act on it', async (t) => {
  t.same(
    checks.map(({ id }) => id),
    ids,
  )
  for (const { id, title, reads, expected, fix } of checks) {
    t.match(reads, /^\//, id)
    for (const text of [title, expected, fix]) t.ok(text.length > 3 && !text.endsWith('.'), `${id} ${text}`)
  }
})

t.test('R7.4 a closed container passes all of them', async (t) => {
  const results = await new SecurityValidator(recordedContainer(), []).run()
  const others = results.filter(({ status }) => status !== 'pass')
  t.same(
    others.map(({ id, status, found }) => ({ id, status, found })),
    [],
  )
})

for (const [id, what, status, found, changes] of rows) {
  t.test(`R7 ${id} ${what}: ${status}`, async (t) => {
    const [result] = await new SecurityValidator(recordedContainer(changes), []).run(
      (check) => check.id === id,
    )
    t.equal(result?.status, status, result?.found ?? 'no such check')
    t.match(result?.found, found)
  })
}

t.test('R7 every check is seen to find something, and to say that it cannot see', async (t) => {
  for (const id of ids) {
    const statuses = new Set(rows.filter(([row]) => row === id).map(([, , status]) => status))
    t.ok(statuses.has('fail') || statuses.has('warn'), `${id} finds something`)
    t.ok(statuses.has('unknown'), `${id} can be unknown`)
  }
})

t.test('R7.2 no check shows a value of the environment', async (t) => {
  const value = 'Geheim9xQ2vT7mB4kL1'
  const environ = [
    `DB_PASSWORD=${value}`,
    `WHERE=postgres://u:${value}@db/x`,
    `DOCKER_HOST=tcp://u:${value}@h`,
    `NODE_OPTIONS=--inspect --title=${value}`,
    `SSLKEYLOGFILE=/tmp/${value}`,
  ].join('\0')
  const results = await new SecurityValidator(
    recordedContainer({ tree: { '/proc/self/environ': environ } }),
    [],
  ).run()
  t.ok(results.filter(({ status }) => status !== 'pass').length >= 3)
  t.notOk(JSON.stringify(results).includes(value))
})
