import t from 'tap'
import {
  type FailLevel,
  runSecurityCommand,
  type SecurityCommandParts,
} from '../../../supervisor/cli/security-command.ts'
import type { ReportedCheck, ReportedNetwork } from '../../../supervisor/cli/security-report.ts'

function check(
  id: string,
  status: ReportedCheck['status'],
  severity: ReportedCheck['severity'] = 'high',
  more = {},
) {
  return {
    id,
    title: `Title of ${id}`,
    severity,
    status,
    found: `found ${id}`,
    expected: `expected ${id}`,
    fix: `fix ${id}`,
    accepted: false,
    ...more,
  }
}

const network: ReportedNetwork = {
  listening: [{ address: '0.0.0.0', port: 8000, allowed: false }],
  needed: [{ name: 'database:a', host: 'db', port: 5432, connected: true }],
  connections: [],
  routes: ['default'],
  notes: ['something is odd'],
}

function run(checks: readonly ReportedCheck[], parts: Partial<SecurityCommandParts> = {}) {
  let text = ''
  const code = runSecurityCommand({
    form: 'text',
    verbose: false,
    failOn: 'high',
    look: { color: false, width: 120 },
    examined: { checks, network },
    sarif: () => ({ version: '2.1.0' }),
    write(more) {
      text += more
    },
    ...parts,
  })
  return { code, text }
}

t.test('§3 the exit code is 1 when a check fails at or above the severity that counts', async (t) => {
  const code = (one: ReportedCheck, failOn: FailLevel) => run([one], { failOn }).code
  t.equal(code(check('S01', 'fail', 'high'), 'high'), 1)
  t.equal(code(check('S01', 'fail', 'critical'), 'high'), 1)
  t.equal(code(check('S01', 'fail', 'medium'), 'high'), 0)
  t.equal(code(check('S01', 'fail', 'high'), 'critical'), 0)
  t.equal(code(check('S01', 'fail', 'low'), 'low'), 1)
  t.equal(code(check('S01', 'fail', 'critical'), 'never'), 0)
  t.equal(code(check('S01', 'warn', 'critical'), 'low'), 0)
  t.equal(code(check('S01', 'unknown', 'critical'), 'low'), 0)
  t.equal(code(check('S01', 'fail', 'critical', { accepted: true }), 'low'), 0)
})

t.test('§3 the screen shows findings with their fix, what is unknown, and the network', async (t) => {
  const { text } = run([
    check('S06', 'fail'),
    check('S02', 'warn', 'medium'),
    check('S08', 'unknown'),
    check('S01', 'pass'),
  ])
  t.match(text, /^1 failed check of severity high or worse: 1 failed, 1 warning, 1 unknown, 1 passed\n/)
  t.match(text, /S06 {4}high {6}Title of S06: found S06 +fix S06/)
  t.match(text, /S02 {4}\(medium\)/)
  t.match(text, /Unknown\n {2}S08 Title of S08: found S08/)
  t.notMatch(text, /S01/)
  t.match(text, /listens {2}0\.0\.0\.0 port 8000 \(not meant to\)/)
  t.match(text, /needs {4}database:a at db port 5432, connected/)
  t.match(text, /note {5}something is odd/)
  t.ok(text.endsWith('\n'))
})

t.test('§3 many findings stay on one screen, the others by name', async (t) => {
  const many = Array.from({ length: 30 }, (_, n) => check(`S${n + 10}`, 'fail'))
  const { text } = run(many)
  t.ok(text.split('\n').length <= 40, `${text.split('\n').length} lines`)
  for (const { id } of many) t.match(text, id)
  t.match(text, /And 4 more \(--verbose shows them\)/)
  t.match(run(many, { verbose: true }).text, /S39 [\s\S]*expected S39/)
})

t.test('§3 nothing that was found moves the cursor or breaks a line', async (t) => {
  const { text } = run([check('S06', 'fail', 'high', { found: 'a\u001b[2Jb\nc' })])
  t.notOk(text.includes('\u001b') || text.includes('b\nc'))
})

t.test('§3 --json is the whole report, --sarif the log', async (t) => {
  const { text } = run([check('S06', 'fail')], { form: 'json' })
  t.same(JSON.parse(text), {
    ok: false,
    failOn: 'high',
    counts: { pass: 0, warn: 0, fail: 1, unknown: 0 },
    checks: [check('S06', 'fail')],
    network,
  })
  t.equal(run([], { form: 'sarif' }).text, '{"version":"2.1.0"}\n')
})
