// `npm run demo`, as a person runs it, in its short form; and that its verdict is one that can be lost.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { listProcesses } from '../../../supervisor/process/tree.ts'
import { type Audit, audit } from '../../demo/audit.ts'
import { awkwardFiles } from '../../demo/awkward-files.ts'
import type { DataFile } from '../../demo/data-file.ts'
import { beginning, readBatches } from '../../demo/flow/batches.ts'
import { effectsOf, prepareStore } from '../../demo/flow/store.ts'
import { realFiles } from '../../demo/real-files.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPostgres } from '../../harness/postgres.ts'

interface Demo {
  readonly child: ChildProcess
  readonly temporary: string
  /** Resolves when the demo has written this. */
  says(text: string): Promise<void>
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
}

function startDemo(t: Test, ...options: string[]): Demo {
  const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'fk-')))
  chmodSync(temporary, 0o711) // for the user that PostgreSQL runs as when we are root
  t.teardown(() => rmSync(temporary, { recursive: true, force: true }))
  const bootstrap = ['test/harness/bootstrap.mjs', 'test/demo/main.ts']
  const child = spawn(process.execPath, [...bootstrap, '--rows', '1000', ...options], {
    cwd: checkout,
    // A variable that the supervisor must not see: it refuses what it does not know.
    env: { PATH: process.env['PATH'], TMPDIR: temporary, CONTAINER_NAME: 'of-something-else' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const closed = once(child, 'close')
  return {
    child,
    temporary,
    async says(text) {
      while (!output.includes(text)) {
        const more = await Promise.race([once(child.stdout, 'data'), closed.then(() => undefined)])
        if (!more && !output.includes(text)) throw new Error(`the demo ended without ${text}:\n${output}`)
      }
    },
    ended: closed.then(([code]) => ({ code, output })),
  }
}

/** Processes with that directory, or one below it, as their working directory. */
function processesBelow(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${directory}/`)
      } catch {
        return false
      }
    })
}

for (const [how, options, description] of [
  ['as PID 1 where that can be had', [], /^Flowkeep supervises a flow as /m],
  ['as an ordinary process', ['--no-namespace'], /as an ordinary process that adopts orphans/],
] as const) {
  t.test(`§3 npm run demo ${how}: every row accounted for, everything promised seen`, async (t) => {
    const demo = startDemo(t, ...options)
    const { code, output } = await demo.ended
    t.equal(code, 0, code === 0 ? 'it passes' : output)
    t.match(output, description)
    t.match(output, /^PASSED/m)
    for (const [name, value] of [
      ['rows rejected', '15 '],
      ['lines lost', '0$'],
      ['lines duplicated', '0$'],
      ['rows that differ from the file', '0$'],
      ['flow starts, restarts', '2, 1$'],
      ['operations queued at most', '[1-9]'],
      ['orphans reaped', '1,000$'],
      ['zombies left', '0$'],
      ['log lines all valid JSON', 'yes '],
    ]) {
      t.match(output, new RegExp(`^  ${name} +${value}`, 'm'))
    }
    t.same(readdirSync(demo.temporary), [], 'the temporary directory is removed')
  })
}

t.test('§3 the demo ends at once when it is told to, and leaves nothing behind', async (t) => {
  const demo = startDemo(t)
  await demo.says('✓ rows flow')
  t.not(processesBelow(demo.temporary).length, 0)
  demo.child.kill('SIGINT')
  t.match(await demo.ended, { code: 130, output: /interrupted by SIGINT/ })
  t.same(processesBelow(demo.temporary), [])
  t.same(readdirSync(demo.temporary), [])
})

t.test('§3 a demo that fails says what is missing and where the log is', async (t) => {
  const demo = startDemo(t, '--no-namespace')
  await demo.says('✓ rows flow')
  const supervisor = listProcesses().find(({ pid, parentPid }) => {
    return parentPid === demo.child.pid && readlinkSync(`/proc/${pid}/cwd`).includes('/flowkeep-demo-')
  })
  process.kill(Number(supervisor?.pid), 'SIGKILL')
  const { code, output } = await demo.ended
  t.equal(code, 1)
  t.match(output, /^FAILED:\n {2}- .*the supervisor has ended$/m)
  t.match(output, /every line of every file is looked for in the database: not reached/)
  const [, log] = /The supervisor's log is (\S+);/.exec(output) ?? []
  t.ok(log?.startsWith(demo.temporary))
})

t.test('R3.4 a lost, a duplicated and a changed line are each found', async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const files = [...realFiles(100), ...awkwardFiles]
  await server.createDatabase('intact')
  await store(t, server.url('intact'), files)
  const nothing = { lost: 0, duplicated: 0, differing: 0, miscounted: [] }
  t.match(await audit(server.url('intact'), files), nothing)

  const damages: readonly [sql: string, found: Partial<Audit>][] = [
    [`delete from rows where file = 'lookup_groups.csv' and line = 3`, { lost: 1 }],
    [`delete from rows where file = 'awkward-sound.csv' and line = 2`, { lost: 2 }],
    [`insert into rejects values ('lookup_people.csv', 4, 1, 'blank_line', '')`, { duplicated: 1 }],
    [
      `update rows set lines = 2 where file = 'lookup_people.csv' and line = 5`,
      { duplicated: 1, differing: 1 },
    ],
    [
      `update rows set fields = '["1", "Zoe"]' where file = 'lookup_groups.csv' and line = 2`,
      { differing: 1 },
    ],
    [`update rows set line = 999 where file = 'lookup_groups.csv' and line = 2`, { lost: 1, differing: 1 }],
    [
      `insert into rows values ('stranger.csv', 1, 1, '[]')`,
      { miscounted: ['stranger.csv: there is no such file'] },
    ],
    [
      `update rejects set reason = 'open_quote' where file = 'nul-bytes.csv'`,
      { miscounted: ['nul-bytes.csv: 2 rows, 2 open_quote instead of 2 rows, 2 nul_byte'] },
    ],
  ]
  for (const [index, [sql, found]] of damages.entries()) {
    const database = `damaged_${index}`
    await server.query(`create database ${database} template intact`)
    await server.query(sql, [], database)
    const { lost, duplicated, differing, miscounted } = await audit(server.url(database), files)
    t.same({ lost, duplicated, differing }, pick(found), sql)
    if (found.miscounted) t.same(miscounted, found.miscounted, sql)
  }
})

function pick({ lost = 0, duplicated = 0, differing = 0 }: Partial<Audit>) {
  return { lost, duplicated, differing }
}

/** As if the supervisor had applied the effects of every record. */
async function store(t: Test, url: string, files: readonly DataFile[]): Promise<void> {
  const inbox = t.testdir({})
  await prepareStore(url)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const { name, bytes } of files) {
    const path = join(inbox, name)
    writeFileSync(path, bytes)
    for await (const batch of readBatches(path, beginning(name), 7)) {
      for (const { sql, params } of effectsOf(batch)) await client.query(sql, params.map(asText))
    }
  }
  await client.end()
}

function asText(param: unknown): unknown {
  return typeof param === 'object' && param !== null ? JSON.stringify(param) : param
}
