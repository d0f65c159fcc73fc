import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type CatalogueEntry as AlertEntry, alertCatalogue } from '../../../supervisor/alerts/catalogue.ts'
import { type CatalogueEntry, catalogue } from '../../../supervisor/core/errors.ts'
import { exitCodes, exitReasons } from '../../../supervisor/core/exit.ts'
import { checkout } from '../../harness/checkout.ts'

const runbooks = join(checkout, 'runbooks')
const read = (...path: string[]) => readFileSync(join(runbooks, ...path), 'utf8')
const entries: [string, CatalogueEntry][] = Object.entries(catalogue)
const alertEntries: [string, AlertEntry][] = Object.entries(alertCatalogue)
const headings = ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'Verification']

t.test('R5.5 every error code has its page, and every page its error code', async (t) => {
  const pages = readdirSync(join(runbooks, 'errors'))
  t.same(pages.sort(), entries.map(([code]) => `${code}.md`).sort())
})

t.test('R5.5 a page has its title, the five parts in their order, and something in each', async (t) => {
  for (const [code, { title }] of entries) {
    const [head = '', ...parts] = read('errors', `${code}.md`).split(/^## /m)
    t.ok(head.startsWith(`# \`${code}\`\n\n${title}.\n`), `${code} begins with its title`)
    t.same(
      parts.map((part) => part.split('\n')[0]),
      headings,
      code,
    )
    for (const part of parts)
      t.match(part, /^\w+\n\n\S[\s\S]{40,}/, `${code}: ${part.split('\n')[0]} says something`)
  }
})

t.test(
  'R5.5 a page states exit code, HTTP status and whether a retry helps as the catalogue does',
  async (t) => {
    for (const [code, { exitCode, httpStatus, retryable }] of entries) {
      const page = read('errors', `${code}.md`)
      t.match(page, `| Exit code | ${exitCode ?? '–'} |\n`, code)
      t.match(page, `| HTTP status on the control socket | ${httpStatus} |\n`, code)
      t.match(page, `| Worth retrying unchanged | ${retryable ? 'yes' : 'no'} |\n`, code)
    }
  },
)

t.test('R5.5 the index lists every page with its title', async (t) => {
  const index = read('README.md')
  for (const [code, { title }] of entries) t.match(index, `| [\`${code}\`](errors/${code}.md) | ${title} |\n`)
})

t.test('R5.5 every alert has its page with its title and severity, and is in the index', async (t) => {
  const index = read('README.md')
  for (const [name, { severity, title }] of alertEntries) {
    const [head = '', ...parts] = read('alerts', `${name}.md`).split(/^## /m)
    t.ok(head.startsWith(`# \`${name}\`\n\n${title}.\n`), `${name} begins with its title`)
    t.match(head, `| Severity | ${severity} |\n`, name)
    t.same(
      parts.map((part) => part.split('\n')[0]),
      headings,
      name,
    )
    for (const part of parts) t.match(part, /^\w+\n\n\S[\s\S]{20,}/, `${name}: ${part.split('\n')[0]}`)
    t.match(index, `| [\`${name}\`](alerts/${name}.md) | ${title} |\n`)
  }
})

t.test('R5.5 the exit codes page lists every reason and every code', async (t) => {
  const [, byReason = '', byCode = ''] = read('exit-codes.md').split(/^## /m)
  const firstCells = (text: string) => [...text.matchAll(/^\| `?([\w]+)`? \|/gm)].map(([, cell]) => cell)
  t.same(firstCells(byReason).slice(1).sort(), [...exitReasons].sort())
  for (const code of Object.values(exitCodes)) t.ok(firstCells(byCode).includes(String(code)), `${code}`)
})

t.test('R5.5 every command to be run is set as code', async (t) => {
  for (const page of ['errors', 'alerts'].flatMap((of) =>
    readdirSync(join(runbooks, of)).map((name) => join(of, name)),
  )) {
    const loose = read(page).match(/^(?:docker|kubectl|ss|ps|dmesg) .*/m)
    t.equal(loose?.[0], undefined, page)
  }
})

t.test('R5.5 no link in the runbooks leads nowhere', async (t) => {
  const pages = readdirSync(runbooks, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.md'),
  )
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)#]+)\)/g)) {
      t.doesNotThrow(() => readFileSync(join(runbooks, page, '..', target)), `${page}: ${target}`)
    }
  }
})
