import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { checkout } from '../../harness/checkout.ts'
import { runFiles } from '../../harness/run-file.ts'
import { casesOf } from '../../harness/tap-cases.ts'
import { runTier } from '../../harness/tiers.ts'
import { until } from '../../harness/until.ts'

const patient = { fileMs: 60_000, testMs: 30_000 }

/** The cases of a test file with this source. */
async function casesIn(t: Test, source: string, limits = patient): Promise<string[]> {
  const file = join(t.testdir({ 'a.test.ts': `import t from 'tap'\n${source}` }), 'a.test.ts')
  return casesOf(await runFiles([file], checkout, limits)).map(({ outcome, name }) => `${outcome}: ${name}`)
}

t.test('R4.7 a real test file is counted by its cases', async (t) => {
  const source = `
    t.test('one', async (t) => { t.ok(true); t.ok(true) })
    t.test('two', async (t) => { t.equal(1, 2) })
    t.test('three', { skip: 'not here' }, async () => {})`
  t.same(await casesIn(t, source), ['passed: one', 'failed: two', 'skipped: three'])
})

t.test('R4.7 a file that cannot even be loaded has failed', async (t) => {
  t.same(await casesIn(t, `import './absent.ts'`), ['failed: (whole file)'])
})

t.test('R4.7 a file that crashes after its tests has failed', async (t) => {
  const source = `t.test('one', async (t) => { t.ok(true) })
    process.on('exit', () => process.kill(process.pid, 'SIGKILL'))`
  t.same(await casesIn(t, source), ['passed: one', 'failed: (whole file)'])
})

t.test('R4.7 a file that hangs is ended and has failed', async (t) => {
  const source = `setInterval(() => {}, 1000)
    t.test('one', () => new Promise(() => {}))`
  const cases = await casesIn(t, source, { fileMs: 2_000, testMs: 30_000 })
  t.equal(cases.at(-1), 'failed: (whole file)')
})

t.test('R4.7 what a file leaves running ends with it', async (t) => {
  const directory = t.testdir({
    'a.test.ts': `import { spawn } from 'node:child_process'
      import { writeFileSync } from 'node:fs'
      import t from 'tap'
      const child = spawn('sleep', ['1000'], { stdio: 'inherit' })
      child.unref()
      writeFileSync(new URL('pid', import.meta.url), String(child.pid))
      t.test('one', async (t) => { t.ok(true) })`,
  })
  const run = await runFiles([join(directory, 'a.test.ts')], checkout, patient)
  t.equal(run.code, 0)
  const left = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  await until(
    'the killed process is gone',
    async () => isAlive(left),
    (alive) => !alive,
  )
})

/** A zombie that nobody has reaped yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

t.test('R4.7 a file that breaks the process it shares is found, and the others still count', async (t) => {
  const directory = t.testdir({
    'good.test.ts': "import t from 'tap'\nt.test('good', async (t) => t.ok(true))\n",
    'other.test.ts': "import t from 'tap'\nt.test('other', async (t) => t.ok(true))\n",
    'bad.test.ts': "process.kill(process.pid, 'SIGKILL')\n",
    'last.test.ts': "import t from 'tap'\nt.test('last', async (t) => t.ok(true))\n",
  })
  const files = ['good', 'other', 'bad', 'last'].map((name) => join(directory, `${name}.test.ts`))
  const { cases } = await runTier('unit', files, checkout, () => {})
  const seen = cases.map(({ file, name, outcome }) => `${basename(file)} ${name} ${outcome}`)
  t.same(seen.sort(), [
    'bad.test.ts (whole file) failed',
    'good.test.ts good passed',
    'last.test.ts last passed',
    'other.test.ts other passed',
  ])
})
