// R2.1, R2.2, R2.5: a database that comes up late, in the ways databases do.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import type { Dependency } from '../../../supervisor/core/dependency.ts'
import type { LogFields } from '../../../supervisor/core/logger.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { ServiceOrchestrator } from '../../../supervisor/gate/orchestrator.ts'
import { createServiceDependency } from '../../../supervisor/gate/service-dependency.ts'
import { createDatabaseDependency } from '../../../supervisor/postgres/dependency.ts'
import { createPostgres, type PostgresServer } from '../../harness/postgres.ts'
import { startHttpServer, startSilentServer } from '../../harness/servers.ts'

function database(server: PostgresServer, connectTimeoutMs = 20_000): Dependency {
  const settings = { connectTimeoutMs, healthQuery: 'select 1', required: true }
  return createDatabaseDependency('rpa_db', { url: new Secret(server.url()), ...settings })
}

/** A gate at its most patient: every backoff as long as it can be. */
function createGate(dependencies: readonly Dependency[]) {
  const waiting: { matches(fields: LogFields): boolean; resolve(): void }[] = []
  const seen: LogFields[] = []
  const keep = (fields: LogFields) => {
    seen.push(fields)
    for (const { matches, resolve } of waiting) if (matches(fields)) resolve()
  }
  const gate = new ServiceOrchestrator({
    ...{ clock: systemClock, random: () => 1, dependencies, backoffMinMs: 15_000, backoffMaxMs: 15_000 },
    logger: { debug: keep, info: keep, warn: keep, error: keep },
    redact: (text) => text,
  })
  /** Resolves when the log has, or already had, `gate.waiting` with this reason. */
  const waits = (reason: string) =>
    new Promise<void>((resolve) => {
      const matches = (fields: LogFields) => fields.event === 'gate.waiting' && fields['reason'] === reason
      if (seen.some(matches)) resolve()
      else waiting.push({ matches, resolve })
    })
  return { gate, waits }
}

function never(): AbortSignal {
  return new AbortController().signal
}

async function since(startedMs: number, opened: Promise<void>): Promise<string> {
  await opened
  return `the gate was open ${Math.round(performance.now() - startedMs)} ms later`
}

const server = await createPostgres()
t.teardown(() => server.stop())

t.test('R2.1 R2.2 a database and a service that come up later', async (t) => {
  let ready = false
  const prefect = await startHttpServer((_request, response) =>
    response.writeHead(ready ? 200 : 401).end('true'),
  )
  const service = createServiceDependency('prefect', {
    ...{
      url: new Secret(`http://${prefect.address}/api`),
      healthPath: '/ready',
      timeoutMs: 20_000,
      required: false,
    },
    ...{ token: undefined, auth: undefined },
  })
  const { gate, waits } = createGate([database(server), service])
  const opened = gate.open(never())
  await Promise.all([waits('refused'), waits('authentication')])
  t.match(gate.pending(), [{ name: 'rpa_db', reason: 'refused' }])
  ready = true
  await server.start()
  t.comment(await since(performance.now(), opened))
  t.same(gate.pending(), [])
  await prefect.close()
})

t.test('R2.5 a database that is killed and comes back', async (t) => {
  await server.kill()
  const { gate, waits } = createGate([database(server)])
  const opened = gate.open(never(), 'databases')
  await waits('refused')
  await server.start()
  t.comment(await since(performance.now(), opened))
  t.same(gate.pending(), [])
})

t.test('R2.4 a database in recovery is starting, and is in when it is promoted', async (t) => {
  await server.halt()
  await writeFile(join(server.dataDirectory, 'standby.signal'), '')
  const configuration = join(server.dataDirectory, 'postgresql.auto.conf')
  await writeFile(configuration, `${await readFile(configuration, 'utf8')}hot_standby = 'off'\n`)
  await server.start({ until: /entering standby mode/ })
  const { gate, waits } = createGate([database(server)])
  const opened = gate.open(never())
  await waits('starting')
  t.match(gate.pending()[0]?.message, /does not take sessions at the moment.*57P03/)
  await writeFile(join(server.dataDirectory, 'promote'), '')
  const [pid] = (await readFile(join(server.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')
  process.kill(Number(pid), 'SIGUSR1')
  t.comment(await since(performance.now(), opened))
})

t.test('R2.5 a database that is frozen and thaws', async (t) => {
  server.freeze()
  const { gate, waits } = createGate([database(server, 300)])
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await waits('timeout')
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
  server.thaw()
  await createGate([database(server)]).gate.open(never())
})

t.test('§4 a stop in the middle of an attempt leaves no socket and no timer', async (t) => {
  const silent = await startSilentServer()
  const url = new Secret(`postgresql://rpa:secret@${silent.address}/x`)
  const settings = { url, connectTimeoutMs: 60_000, healthQuery: 'select 1', required: true }
  const { gate } = createGate([createDatabaseDependency('rpa_db', settings)])
  const stop = new AbortController()
  const connected = silent.nextConnection()
  const opened = gate.open(stop.signal)
  await connected
  const reason = new Error('stop')
  stop.abort(reason)
  t.equal(await opened.catch((error) => error), reason)
  await silent.idle()
  await silent.close()
  const left = process.getActiveResourcesInfo().filter((name) => /^(TCPSocket|TLS)/.test(name))
  t.same(left, [])
})
