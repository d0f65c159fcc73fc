import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'

t.test('R9.5 the tests run the Prefect that the base image has', async (t) => {
  const pinned = (path: string) => /^prefect==\S+/m.exec(readFileSync(join(checkout, path), 'utf8'))?.[0]
  t.ok(pinned('images/base/requirements.in'))
  for (const path of ['requirements.in', 'requirements.txt'])
    t.equal(pinned(`test/harness/prefect/${path}`), pinned('images/base/requirements.in'))
})
