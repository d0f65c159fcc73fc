import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { openEarlyListener } from '../../../supervisor/http/early.ts'
import type { Listener } from '../../../supervisor/http/listener.ts'
import { portUnavailable } from '../../../supervisor/http/port-unavailable.ts'

const loopback = { CONTAINER_HTTP_HOST: '127.0.0.1', CONTAINER_HTTP_PORT: '0' }

async function open(t: Test, environment: Record<string, string> = loopback): Promise<Listener> {
  const opened = await openEarlyListener(environment, '1.2.3')
  if (!('server' in opened)) throw new Error(`not opened: ${JSON.stringify(opened)}`)
  t.teardown(() => opened.close())
  return opened
}

t.test('§6 before anything is loaded, liveness is true and everything else is validating', async (t) => {
  const { boundPort } = await open(t)
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${boundPort}${path}`, init)

  const live = await get('/livez')
  t.equal(live.status, 200)
  for (const path of ['/health', '/readyz', '/startupz', '/health?verbose']) {
    const answer = await get(path)
    t.equal(answer.status, 503, path)
    t.ok(Number(answer.headers.get('retry-after')) > 0, 'says when to come again')
    t.equal(answer.headers.get('cache-control'), 'no-store')
    t.match(answer.headers.get('content-type'), /^application\/json/)
    t.strictSame(await answer.json(), {
      status: 'unhealthy',
      state: 'validating',
      flow: null,
      instance: null,
      version: '1.2.3',
      checks: {},
    })
  }
  t.equal((await get('/metrics')).status, 404)
  const post = await get('/health', { method: 'POST' })
  t.equal(post.status, 405)
  t.equal(post.headers.get('allow'), 'GET, HEAD')
})

t.test('§6 its two variables are taken in either form, and empty ones count as unset', async (t) => {
  const file = `${t.testdir()}/port`
  writeFileSync(file, '0\n')
  const listener = await open(t, {
    CONTAINER_HTTP_HOST: '127.0.0.1',
    CONTAINER_HTTP_PORT: '',
    CONTAINER_HTTP_PORT_FILE: file,
  })
  t.equal(listener.port, 0)
  t.ok(listener.boundPort > 0)
})

t.test('R1.1 an unsound address is not listened on; the configuration report says why', async (t) => {
  const file = `${t.testdir({ port: '0' })}/port`
  const unsound: Record<string, string>[] = [
    { CONTAINER_HTTP_PORT: '8088x' },
    { CONTAINER_HTTP_PORT: '65536' },
    { CONTAINER_HTTP_PORT: '-1' },
    { CONTAINER_HTTP_PORT: '08088' },
    { CONTAINER_HTTP_HOST: '1.2.3' },
    { CONTAINER_HTTP_HOST: 'a b' },
    { ...loopback, CONTAINER_HTTP_PORT_FILE: file },
    { CONTAINER_HTTP_PORT_FILE: `${file}-absent` },
    { CONTAINER_HTTP_PORT_FILE: '/' },
  ]
  for (const environment of unsound) {
    const opened = await openEarlyListener(environment, '1.2.3')
    t.ok('invalid' in opened, JSON.stringify(environment))
  }
})

t.test('§4 a port in use is reported with the variable that moves it', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as { port: number }
  const opened = await openEarlyListener({ ...loopback, CONTAINER_HTTP_PORT: String(port) }, '1.2.3')
  if (!('failed' in opened)) throw new Error('it should have failed')
  const error = portUnavailable(opened.failed, opened.host, opened.port)
  t.equal(error.entry.exitCode, 73)
  t.match(error.message, `port ${port} on 127.0.0.1 is in use`)
  t.match(error.hint, 'CONTAINER_HTTP_PORT')
})

t.test('§4 an address the container does not have names the other variable', async (t) => {
  const opened = await openEarlyListener(
    { CONTAINER_HTTP_HOST: '192.0.2.1', CONTAINER_HTTP_PORT: '0' },
    '1.2.3',
  )
  if (!('failed' in opened)) throw new Error('it should have failed')
  t.match(portUnavailable(opened.failed, opened.host, opened.port).hint, 'CONTAINER_HTTP_HOST')
  const denied = Object.assign(new Error('listen EACCES'), { code: 'EACCES' })
  t.match(portUnavailable(denied, '0.0.0.0', 80).hint, '1023')
})

t.test('§6 a handler that takes over answers the next request on the same connection', async (t) => {
  const listener = await open(t)
  const url = `http://127.0.0.1:${listener.boundPort}/health`
  t.equal((await fetch(url)).status, 503)
  listener.takeOver((_request, response) => response.end('new'))
  t.equal(await (await fetch(url)).text(), 'new')
})
