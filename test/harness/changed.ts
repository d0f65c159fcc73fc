// `flowkeepctl test`: the tests that what was changed since a commit can reach, those that failed last time first.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitCodes } from '../../supervisor/core/exit.ts'
import { type Affected, affectedTests } from './affected.ts'
import { checkout } from './checkout.ts'

const { values } = parseArgs({
  options: {
    since: { type: 'string', default: 'HEAD' },
    tier: { type: 'string', multiple: true, default: ['unit'] },
    list: { type: 'boolean', default: false },
    memory: { type: 'string' },
  },
})
const code = 'supervisor,healthchecks,images,compose,test'
/** Outside of the checkout when told where; else among what git ignores. */
const memory = values.memory ?? join(checkout, 'node_modules/.flowkeep-failed-tests.json')

async function main(): Promise<number> {
  const startedMs = performance.now()
  const changed = changedSince(values.since)
  if (changed.length === 0) {
    console.log(
      `Nothing has changed since ${values.since}: --since main, or another commit, looks further back.`,
    )
    return 0
  }
  const affected = affectedTests(readSources(), changed)
  const chosen = affected.filter(({ file }) => values.tier.includes(tierOf(file)))
  const failedBefore = readFailed().filter(
    (file) => existsSync(join(checkout, file)) && values.tier.includes(tierOf(file)),
  )
  const [first, rest] = [
    failedBefore,
    chosen.map(({ file }) => file).filter((file) => !failedBefore.includes(file)),
  ]
  const count = first.length + rest.length
  console.log(
    `${changed.length} changed since ${values.since}; ${count} test ${count === 1 ? 'file' : 'files'} to run (found in ${Math.round(performance.now() - startedMs)} ms)${others(affected)}`,
  )
  if (values.list) {
    for (const file of [...first, ...rest]) console.log(file)
    return 0
  }
  if (first.length + rest.length === 0) return 0
  if (first.length > 0) {
    console.log(`First what failed the last time: ${first.join(', ')}`)
    const again = await runTests(first)
    remember(again.failed)
    if (again.code !== 0) return again.code
  }
  if (rest.length === 0) return 0
  const { code, failed } = await runTests(rest)
  remember(failed)
  return code
}

/** Changed, staged, new, removed; what git ignores is left out. */
function changedSince(reference: string): string[] {
  return [
    ...git(['diff', '--name-only', '-z', reference, '--']),
    ...git(['ls-files', '--others', '--exclude-standard', '-z']),
  ].sort()
}

function git(args: readonly string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync('git', args, { cwd: checkout, encoding: 'utf8' })
  if (status === 0) return stdout.split('\0').filter((path) => path !== '')
  console.error(`flowkeepctl test: git ${args[0]}: ${error?.message ?? stderr.trim().split('\n')[0]}`)
  console.error(
    'It finds what has changed with git: name a commit that there is with --since, in a checkout that git made.',
  )
  process.exit(exitCodes.usage)
}

function readSources(): { path: string; text: string }[] {
  const paths = globSync(`{${code}}/**/*.{ts,mjs,cjs}`, { cwd: checkout })
  return paths.map((path) => ({ path, text: readFileSync(join(checkout, path), 'utf8') }))
}

function tierOf(file: string): string {
  return file.split('/')[1] ?? ''
}

function others(affected: readonly Affected[]): string {
  const left = affected.filter(({ file }) => !values.tier.includes(tierOf(file)))
  const tiers = Map.groupBy(left, ({ file }) => tierOf(file))
  if (left.length === 0) return '.'
  return `; ${[...tiers].map(([tier, files]) => `${files.length} of tier ${tier}`).join(' and ')} can be reached, too (--tier ${[...tiers.keys()].join(' ')}).`
}

function readFailed(): string[] {
  try {
    return JSON.parse(readFileSync(memory, 'utf8')) as string[]
  } catch {
    return []
  }
}

function remember(failed: readonly string[]): void {
  mkdirSync(dirname(memory), { recursive: true })
  writeFileSync(memory, JSON.stringify(failed))
}

/** Shows what the run prints, and finds in it the files that failed. */
function runTests(files: readonly string[]): Promise<{ code: number; failed: string[] }> {
  return new Promise((resolve) => {
    const args = ['--disable-warning=ExperimentalWarning', 'test/harness/run-tests.ts', ...files]
    const child = spawn(process.execPath, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      process.stdout.write(part)
    })
    child.once('close', (code) => {
      const failed = [...text.matchAll(/^✗ (test\/\S+) › /gm)].map(([, file = '']) => file)
      resolve({ code: code ?? 1, failed: [...new Set(failed)] })
    })
  })
}

// A reader such as `head` may have seen enough.
process.stdout.on('error', () => process.exit(1))
process.exitCode = await main()
