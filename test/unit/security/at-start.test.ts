// What the checks do at a start: log, count, and refuse where that is enforced.

import t from 'tap'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import type { LogFields, Logger } from '../../../supervisor/core/logger.ts'
import { type Enforcement, SecurityChecksAtStart } from '../../../supervisor/security/at-start.ts'
import type { Check, Result, Severity } from '../../../supervisor/security/check.ts'
import { SecurityValidator } from '../../../supervisor/security/validator.ts'
import { type Changes, recordedContainer, statusWith } from './recorded.ts'

function start(enforce: Enforcement, changes: Changes, accepted: readonly string[] = []) {
  const lines: { level: string; fields: LogFields; message: string }[] = []
  const log = (level: string) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields, message })
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  const counts: Readonly<Record<Severity, number>>[] = []
  const validator = new SecurityValidator(recordedContainer(changes), accepted)
  const urgently: string[] = []
  const unhurriedly: string[] = []
  const listening = (asked: string[]) => ({
    run: (which: (check: Check) => boolean) =>
      validator.run((check) => {
        if (which(check)) asked.push(check.id)
        return which(check)
      }),
  })
  const checks = new SecurityChecksAtStart({
    enforce,
    logger,
    redact: (text) => text.replaceAll('geheim', '…'),
    counted: (failed) => void counts.push(failed),
    urgent: listening(urgently),
    unhurried: listening(unhurriedly),
  })
  const findings = () => lines.filter(({ fields }) => fields.event === 'security.finding')
  return { checks, lines, counts, urgently, unhurriedly, findings }
}

const noFilter = { tree: { '/proc/self/status': statusWith('Seccomp', '0') } }
const hostPid = { tree: { '/proc/self/ns/pid': { link: 'pid:[4026531836]' } } }
const warningOnly = { tree: { '/proc/self/status': statusWith('CapBnd', '00000000a80425fb') } }
const unreadable = { tree: { '/proc/self/status': { error: 'EACCES' } } }
const setuid = { tree: { '/usr/bin/su': { mode: 0o4755 } } }

async function refusalOf(enforce: Enforcement, changes: Changes, accepted?: readonly string[]) {
  const { checks, findings } = start(enforce, changes, accepted)
  const error = await checks.admit().then(
    () => undefined,
    (error: unknown) => error,
  )
  return { error, findings: findings() }
}

t.test('R7 `high` refuses a failed check of that severity or worse', async (t) => {
  for (const [changes, id] of [
    [noFilter, 'S07'],
    [hostPid, 'S10'],
  ] as const) {
    const { error, findings } = await refusalOf('high', changes)
    t.ok(error instanceof FlowkeepError)
    t.match(error, { code: 'security_refused', message: new RegExp(`=high: 1 security check failed: ${id}`) })
    t.match(findings, [
      { level: 'error', fields: { id, status: 'fail', found: String, expected: String, fix: String } },
    ])
  }
})

t.test('R7 `critical` refuses what is critical, and nothing less', async (t) => {
  t.match((await refusalOf('critical', hostPid)).error, { code: 'security_refused' })
  t.equal((await refusalOf('critical', noFilter)).error, undefined)
})

t.test('R7 `high` does not refuse medium findings, warnings, unknown and what is accepted', async (t) => {
  for (const changes of [setuid, warningOnly, unreadable]) {
    t.equal((await refusalOf('high', changes)).error, undefined)
  }
  const { error, findings } = await refusalOf('high', noFilter, ['S07'])
  t.equal(error, undefined)
  t.match(findings, [{ level: 'info', fields: { id: 'S07', accepted: true } }])
})

t.test(
  'R7 `warn` and `off` refuse nothing, and let the start go on before anything is looked at',
  async (t) => {
    for (const enforce of ['warn', 'off'] as const) {
      const { checks, urgently, unhurriedly } = start(enforce, hostPid)
      await checks.admit()
      t.same([urgently, unhurriedly], [[], []], enforce)
    }
  },
)

t.test('R7 `warn` logs each finding once, counts failures by severity, and walks last', async (t) => {
  const tree = { ...noFilter.tree, ...setuid.tree }
  const { checks, urgently, unhurriedly: asked, findings, counts, lines } = start('warn', { tree })
  await checks.look()
  t.match(
    findings().map(({ level, fields }) => [level, fields['id']]),
    [
      ['warn', 'S07'],
      ['warn', 'S28'],
    ],
  )
  t.same(asked.slice(-4), ['S28', 'S29', 'S30', 'S35'], 'what comes with the flow is looked at last')
  t.equal(new Set(asked).size, 38)
  t.same(urgently, [])
  t.equal(asked.length, 38)
  t.same(counts.at(-1), { critical: 0, high: 1, medium: 1, low: 0 })
  t.match(lines.at(-1), {
    level: 'info',
    fields: { event: 'security.checked', pass: 36, fail: 2, unknown: 0 },
  })
})

t.test('R7 after an admission the rest is looked at, and nothing twice', async (t) => {
  const { checks, urgently, unhurriedly, counts } = start('high', setuid)
  await checks.admit()
  t.ok(urgently.includes('S30') && !urgently.includes('S28'), 'only walks that could refuse are waited for')
  await checks.look()
  t.equal(new Set([...urgently, ...unhurriedly]).size, 38)
  t.same(
    unhurriedly.filter((id) => urgently.includes(id)),
    ['S35'],
    'twice only what comes with the flow',
  )
  t.same(counts.at(-1), { critical: 0, high: 0, medium: 1, low: 0 })
})

t.test('R7 `off` looks at nothing', async (t) => {
  const { checks, unhurriedly, lines } = start('off', hostPid)
  await checks.look()
  t.same([unhurriedly, lines], [[], []])
})

t.test('R7.2 what was found passes the redactor', async (t) => {
  const { checks, findings } = start('warn', { tree: { '/dev/geheim': { kind: 'block', major: 8 } } })
  await checks.look()
  t.match(findings()[0], { fields: { id: 'S22', found: '/dev/…' }, message: /\/dev\/…$/ })
})

t.test('R7 what was found is bounded', async (t) => {
  const long = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [
      `/dev/${'x'.repeat(200)}${n}`,
      { kind: 'block', major: 8 } as const,
    ]),
  )
  const { checks, findings } = start('warn', { tree: long })
  await checks.look()
  t.ok(String(findings()[0]?.fields['found']).length <= 301)
})

t.test('R7 a port that the flow opens after the admission is found, and said once', async (t) => {
  const result = (status: 'pass' | 'fail') => ({
    ...{ id: 'S35', title: 'Listening ports', severity: 'critical', reads: '/x', expected: '-', fix: '-' },
    ...{ status, found: status, accepted: false },
  })
  const events: unknown[] = []
  const note = (fields: LogFields) => void events.push([fields.event, fields['id']])
  const counts: number[] = []
  const answers = (...statuses: ('pass' | 'fail')[]) => ({
    async run(which: (check: Check) => boolean) {
      const live = { id: 'S35', severity: 'critical', live: true } as Check
      const status = statuses.find(() => which(live))
      return status ? [result(status) as Result] : []
    },
  })
  const opened = new SecurityChecksAtStart({
    enforce: 'critical',
    urgent: answers('pass'),
    unhurried: answers('fail'),
    logger: { debug: note, info: note, warn: note, error: note },
    redact: (text) => text,
    counted: ({ critical }) => void counts.push(critical),
  })
  await opened.admit()
  await opened.look()
  t.same(events, [
    ['security.finding', 'S35'],
    ['security.checked', undefined],
  ])
  t.equal(counts.at(-1), 1)
})
