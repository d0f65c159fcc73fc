import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { capabilitiesOf } from '../../../compose/build/capabilities.ts'
import { addToHistory, type BuildEntry, readHistory } from '../../../compose/build/history.ts'
import { reportOf } from '../../../compose/build/report.ts'

const nowMs = Date.parse('2026-03-01T00:00:00Z')
const entry = (more: Partial<BuildEntry> = {}): BuildEntry => ({
  at: '2026-02-28T00:00:00Z',
  ok: true,
  targets: ['base', 'flow1'],
  unchanged: [],
  causes: ['supervisor/main.ts changed'],
  options: [],
  durationMs: 10_000,
  steps: { all: 20, cached: 15 },
  critical: [{ name: '[base bundle 9/9] RUN node images/bundle.ts', ms: 5_000 }],
  ...more,
})
const times = (...all: number[]) => all.map((durationMs) => entry({ durationMs }))

t.test('R4.3 a trend takes ten builds, and more than the usual noise', async (t) => {
  const verdict = (entries: BuildEntry[]) => reportOf(entries, nowMs).trends[0]?.recent?.verdict
  t.equal(verdict(times(10, 10, 10, 10, 10, 20, 20, 20, 20)), undefined)
  t.equal(verdict(times(10, 10, 10, 10, 10, 20, 20, 20, 20, 20)), 'slower')
  t.equal(verdict(times(10, 14, 6, 15, 10, 14, 14, 15, 14, 10)), 'steady')
  t.equal(verdict(times(20, 20, 20, 20, 20, 10, 10, 90, 10, 10)), 'quicker')
})

t.test('R4.3 the report counts what failed, what was needless and what came from the cache', async (t) => {
  const report = reportOf([entry(), entry({ ok: false }), entry({ unchanged: ['base', 'flow1'] })], nowMs)
  t.match(report, { builds: 3, failed: 1, needless: 1, cached: 0.75 })
})

t.test('R4.3 advice names the step that builds wait for and the file that rebuilds everything', async (t) => {
  const { advice } = reportOf(
    Array.from({ length: 6 }, () => entry()),
    nowMs,
  )
  t.match(advice[0], /^6 of 6 builds waited for \[bundle 9\/9\] RUN node images\/bundle.ts \(5.0 s\)/)
  t.match(advice[1], /"supervisor\/main.ts changed" rebuilt several images in 6 of 6 builds/)
  t.equal(advice.length, 2)
  t.match(reportOf([entry({ at: '2026-01-01T00:00:00Z' })], nowMs).advice, [/59 days .*--no-cache --pull/])
})

t.test('R4.3 the history is bounded, and half a line in it does no harm', async (t) => {
  const directory = join(t.testdir({}), 'cache')
  t.same(readHistory(directory), [])
  for (let number = 0; number < 450; number++) addToHistory(directory, entry({ durationMs: number }))
  const kept = readHistory(directory, 1_000)
  t.ok(kept.length <= 400, `${kept.length} kept`)
  t.equal(kept.at(-1)?.durationMs, 449)
  appendFileSync(join(directory, 'builds.jsonl'), '{"at":')
  t.equal(readHistory(directory, 1_000).length, kept.length)
  t.same(readdirSync(directory), ['builds.jsonl'])
})

t.test('R4.3 what a builder can do is read from its own words', async (t) => {
  const version = (text: string) =>
    capabilitiesOf(`github.com/docker/buildx ${text} abc`, 'Driver:        docker\n')
  t.same(version('v0.12.1'), { rawProgress: false, keepsImages: true })
  t.same(version('0.13.1+ds1'), { rawProgress: true, keepsImages: true })
  t.same(version('v1.0.0'), { rawProgress: true, keepsImages: true })
  t.equal(capabilitiesOf('', 'Name: x\nDriver:   docker-container\n').keepsImages, false)
})
