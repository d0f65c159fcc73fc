// A supervisor is killed in the middle of an outage. What it had acknowledged is looked into and mended without it, and
// goes on its way with the next one.

import t from 'tap'
import { until } from '../../harness/until.ts'
import { flowkeep, operation, type Ran, setUp } from './service-fixture.ts'

t.test('R8.2 §3 killed, inspected, mended, restarted: what was acknowledged goes on its way', async (t) => {
  const { service, environment, start, asking } = await setUp(t)
  const first = await start()
  const online = asking(first)
  const lines = [
    operation('bad-1', 'bad'),
    operation('bad-2', 'bad'),
    operation('a', 'a'),
    operation('b', 'b'),
  ]
  t.match(await flowkeep(online, ['submit', '-'], lines.join('\n')), {
    code: 0,
    out: '0 applied, 4 queued, 0 refused\n',
  })
  const figures = async () => JSON.parse((await flowkeep(online, ['queue', 'stats', '--json'])).out)
  await until('two are dead', figures, ({ targets }) => targets.api.dead === 2)
  t.match(await flowkeep(online, ['status']), { code: 0, out: /\nqueue {2}2 of 1000000 operations/ })
  first.signal('SIGKILL')
  await first.exited

  const list = (state: string) => flowkeep(online, ['queue', 'list', '--state', state, '--json'])
  const idsOf = ({ out }: Ran) => JSON.parse(out).operations.map(({ id }: { id: string }) => id)
  t.same(idsOf(await list('dead')), ['bad-1', 'bad-2'])
  t.same(idsOf(await list('queued')), ['a', 'b'])
  t.match(await flowkeep(environment, ['queue', 'show', 'bad-1']), {
    code: 0,
    out: /http_422[\s\S]*"body": "bad"/,
  })
  t.match(await flowkeep(environment, ['queue', 'discard', 'bad-1']), { code: 0, out: 'discarded bad-1\n' })
  t.match(await flowkeep(environment, ['queue', 'discard', 'bad-1']), { code: 65 })
  t.match(await flowkeep(environment, ['queue', 'drain', '--timeout', '200ms']), { code: 78 }, 'no flow name')
  t.match(await flowkeep(online, ['submit', '--target', 'api', '--method', 'POST', '--path', '/x']), {
    code: 69,
  })

  service.away = false
  const second = await start()
  await until(
    'both are applied',
    async () => service.taken.length,
    (count) => count === 2,
  )
  t.same([...service.taken].sort(), ['a', 'b'])
  const dead = await flowkeep(asking(second), ['queue', 'list', '--state', 'dead', '--json'])
  t.same(idsOf(dead), ['bad-2'])
})

t.test('§3 without a supervisor the queue is drained by the command', async (t) => {
  const { service, start, asking } = await setUp(t)
  const first = await start()
  const online = asking(first)
  await flowkeep(online, ['submit', '-'], [operation('a', 'a', 'k'), operation('b', 'b', 'k')].join('\n'))
  first.signal('SIGKILL')
  await first.exited
  t.match(await flowkeep(online, ['queue', 'drain', '--timeout', '300ms']), {
    code: 75,
    out: /queue {2}2 of/,
  })
  service.away = false
  t.match(await flowkeep(online, ['queue', 'drain']), { code: 0, out: /queue {2}0 of/ })
  t.same(service.taken, ['a', 'b'], 'in the order of the lane')
  t.match(await flowkeep(online, ['queue', 'list']), { code: 0, out: 'no queued operations\n' })
})

t.test('§7 while a supervisor holds its slot no command opens it', async (t) => {
  const { start, asking } = await setUp(t)
  const running = await start()
  const online = asking(running)
  await flowkeep(online, ['submit', '-'], operation('a', 'a'))
  const elsewhere = { ...online, CONTAINER_CONTROL_SOCKET: `${running.socketPath}.other` }
  t.match(await flowkeep(elsewhere, ['queue', 'list']), {
    code: 0,
    out: 'no queued operations\n',
    err: /a running supervisor holds it: slot-1\n/,
  })
  t.match(await flowkeep(elsewhere, ['queue', 'discard', 'a']), { code: 65 })
})
