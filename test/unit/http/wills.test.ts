import t from 'tap'
import { openControl } from './control-fixture.ts'

t.test('R8.2 wills are kept and dropped over the control socket', async (t) => {
  const said: unknown[] = []
  const wills = {
    keep: (id: string, operation: unknown) => said.push(['keep', id, operation]),
    drop: (id: string) => said.push(['drop', id]) > 0,
  }
  const { call } = await openControl(t, { wills })
  t.match(await call('PUT', '/v1/wills/run-1', { id: 'x' }), { status: 200, text: /"state":"kept"/ })
  t.match(await call('DELETE', '/v1/wills/run-1'), { status: 200, text: /"state":"dropped"/ })
  t.same(said, [
    ['keep', 'run-1', { id: 'x' }],
    ['drop', 'run-1'],
  ])
  for (const path of ['/v1/wills/..%2fx', '/v1/wills/a.json', `/v1/wills/${'x'.repeat(101)}`]) {
    t.match(await call('PUT', path, { id: 'x' }), { status: 400, text: /no id of a will/ }, path)
  }
  t.equal(said.length, 2)
})
