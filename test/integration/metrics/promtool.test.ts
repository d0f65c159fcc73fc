import { spawn, spawnSync } from 'node:child_process'
import t from 'tap'
import { createFilledMetrics } from '../../unit/metrics/metrics-fixture.ts'

const absent = spawnSync('promtool', ['--version']).error !== undefined
const options = absent ? { skip: 'promtool is not installed (Debian: apt-get install prometheus)' } : {}

t.test('R5.2 promtool has nothing to say against the metrics', options, async (t) => {
  const { body } = await createFilledMetrics().metrics.render(undefined)
  const promtool = spawn('promtool', ['check', 'metrics'])
  let said = ''
  promtool.stdout.on('data', (chunk) => {
    said += chunk
  })
  promtool.stderr.on('data', (chunk) => {
    said += chunk
  })
  promtool.stdin.end(body)
  const code = await new Promise((resolve) => promtool.once('close', resolve))
  t.equal(said, '')
  t.equal(code, 0)
})
