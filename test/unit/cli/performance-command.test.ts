import t from 'tap'
import { runPerformanceCommand } from '../../../supervisor/cli/performance-command.ts'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import type { PerformanceReport } from '../../../supervisor/core/performance.ts'
import { reportOn } from '../../../supervisor/performance/report.ts'
import { hundredSeconds, sessions, tunables } from '../performance/samples.ts'

async function run(report: PerformanceReport, json = false) {
  let written = ''
  const code = await runPerformanceCommand({
    ask: async ({ path }) => ({
      status: path === '/v1/performance' ? 200 : 404,
      body: JSON.parse(JSON.stringify(report)),
    }),
    json,
    look: { color: false, width: 80 },
    write: (text) => {
      written += text
    },
    writeError: t.fail,
  })
  return { code, written }
}

const held = hundredSeconds(
  { ...sessions({ uses: 100, usedMs: 1_000, waitedMs: 20 }), cpuThrottledPeriods: 500, writtenBytes: 2e6 },
  sessions({}),
)

t.test('R6.1 flowkeep performance says what is used, what holds back, and what to change', async (t) => {
  const { code, written } = await run(reportOn(held, tunables))
  t.equal(code, 1, 'something holds it back')
  t.match(written, /^cpu +0.3 CPUs +1 CPUs +30%$/m)
  t.match(written, /^memory +200.0 MiB +512.0 MiB +39%$/m)
  t.match(written, /^disk written +19.5 KiB\/s +–$/m)
  t.match(written, /^time of one use of rpa_db +10 ms +–$/m)
  t.match(written, /^cpu_throttled \(holds it back\)$/m)
  t.match(written, /^ {2}--cpus, resources.limits.cpu: 1 → 1.5$/m)
  for (const line of written.split('\n')) t.ok(line.length <= 80, line)
})

t.test('R6.1 its exit code is 0 where nothing holds the container back', async (t) => {
  const { code, written } = await run(reportOn(hundredSeconds({ pids: 190 }), tunables))
  t.equal(code, 0)
  t.match(written, /processes_near_limit \(may hold it back\)/)
  t.match((await run(reportOn(hundredSeconds({}), tunables))).written, /Nothing holds the container back\./)
  t.match((await run(reportOn([], tunables))).written, /^Nothing can be said yet/)
})

t.test('R6.1 --json gives all of it', async (t) => {
  const report = reportOn(held, tunables)
  t.same(JSON.parse((await run(report, true)).written), JSON.parse(JSON.stringify(report)))
})

t.test('R6.1 without a supervisor it says so', async (t) => {
  let error = ''
  const code = await runPerformanceCommand({
    ask: () =>
      Promise.reject(
        new FlowkeepError('supervisor_unreachable', {
          operation: 'cannot ask',
          message: 'no socket',
          hint: 'start it',
        }),
      ),
    json: false,
    look: { color: false, width: 80 },
    write: t.fail,
    writeError: (text) => {
      error += text
    },
  })
  t.equal(code, 69)
  t.match(error, /no socket/)
})
