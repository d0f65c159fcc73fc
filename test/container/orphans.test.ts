// `docker exec` leaves processes behind that nobody in the container started. Someone has to wait for them.

import t from 'tap'
import { type Container, flawsOf, startContainer } from '../harness/container.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { until } from '../harness/until.ts'

await buildImages()

const orphansPerExec = 100
const execs = 5

async function countReaped(flow: Container): Promise<number> {
  const { body } = await flow.get('/metrics')
  return Number(/^flowkeep_orphans_reaped_total (\d+)$/m.exec(body)?.[1])
}

t.test('R6.2 orphans of docker exec are reaped, and the flow is none the worse', async (t) => {
  const flow = await startContainer(t, {
    image: baseImage,
    command: ['sh', '-c', 'trap "exit 9" TERM; echo working; while :; do sleep 0.1; done'],
    environment: { CONTAINER_FLOW_NAME: 'orphans' },
    publish: [8088],
  })
  await flow.log.next(({ message }) => message === 'working')

  // Each sleep loses its parent at once and ends after it.
  const storm = `i=0; while [ $i -lt ${orphansPerExec} ]; do (sleep 0.3 &); i=$((i + 1)); done`
  const results = await Promise.all(Array.from({ length: execs }, () => flow.exec('sh', '-c', storm)))
  t.same(
    results.map(({ code }) => code),
    Array(execs).fill(0),
    'each exec has its own exit code',
  )
  await until(
    'all are reaped',
    () => countReaped(flow),
    (reaped) => reaped >= orphansPerExec * execs,
  )
  // The flow's own sleep may be caught on its way; only what PID 1 has to wait for counts.
  const zombies = await flow.exec('sh', '-c', 'grep -lE "^[0-9]+ \\([^)]*\\) Z 1 " /proc/[0-9]*/stat | wc -l')
  t.equal(zombies.stdout.trim(), '0')

  const { code, last } = await flow.stop()
  t.equal(code, 9, 'no exit status was lost')
  t.match(last, { event: 'exit', reason: 'stopped', code: 9 })
  t.same(flawsOf(flow), [])
})
