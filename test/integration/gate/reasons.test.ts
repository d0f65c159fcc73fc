// R2.4: every reason, brought about by its real cause at a real PostgreSQL.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { CheckResult } from '../../../supervisor/core/dependency.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { createDatabaseDependency } from '../../../supervisor/postgres/dependency.ts'
import { createAuthority } from '../../harness/certificates.ts'
import { startPostgres } from '../../harness/postgres.ts'

const password = 'only-for-tests'
const roles = ['tls_only', 'plain_only', 'with_certificate', 'not_in_hba']

interface Options {
  readonly connectTimeoutMs?: number
  readonly healthQuery?: string
}

function database(url: string, { connectTimeoutMs = 20_000, healthQuery = 'select 1' }: Options = {}) {
  const settings = { url: new Secret(url), connectTimeoutMs, healthQuery, required: true }
  return createDatabaseDependency('rpa_db', settings)
}

async function check(url: string, options?: Options): Promise<string> {
  const result: CheckResult = await database(url, options).check(new AbortController().signal)
  t.notMatch(result.message, new RegExp(password), 'R7.2 no password')
  return result.ok ? `ok: ${result.message}` : `${result.reason}: ${result.message}`
}

const authority = createAuthority()
const files = await mkdtemp(join(tmpdir(), 'flowkeep-certificates-'))
const pem = async (name: string, text: string) => {
  await writeFile(join(files, name), text)
  return join(files, name)
}
const client = authority.issue(['with_certificate'])
const sslcert = await pem('client.crt', client.certificate)
const sslkey = await pem('client.key', client.key)
const otherCa = await pem('other.crt', createAuthority('Another authority').certificate)

const [secure, plain] = await Promise.all([
  startPostgres({
    password,
    tls: authority,
    settings: { listen_addresses: '127.0.0.1,127.0.0.2' },
    hbaLines: [
      'host all flowkeep 127.0.0.0/8 scram-sha-256',
      'hostssl all tls_only 127.0.0.0/8 scram-sha-256',
      'hostnossl all plain_only 127.0.0.0/8 scram-sha-256',
      'hostssl all with_certificate 127.0.0.0/8 scram-sha-256 clientcert=verify-ca',
    ],
  }),
  startPostgres({ password }),
])
for (const role of roles) await secure.query(`create role ${role} login password '${password}'`)
t.teardown(async () => {
  await Promise.all([secure.stop(), plain.stop()])
  await rm(files, { recursive: true })
})

function as(role: string, sslmode: string, host = '127.0.0.1'): string {
  return `postgresql://${role}:${password}@${host}:${secure.port}/postgres?sslmode=${sslmode}`
}

t.test('R1.3 a session is opened and the health query answered', async (t) => {
  t.match(await check(plain.url()), /^ok: 127\.0\.0\.1:\d+ answered the health query$/)
  t.match(await check(plain.url('postgres', { application_name: 'x y' })), /^ok: /)
  const healthQuery = "select 1/(current_setting('application_name') = 'nightly')::int"
  t.match(await check(plain.url('postgres', { application_name: 'nightly' }), { healthQuery }), /^ok: /)
  const directory = encodeURIComponent(dirname(plain.dataDirectory))
  const socket = `postgresql:///postgres?host=${directory}&port=${plain.port}&user=flowkeep&password=${password}`
  t.match(await check(socket), /^ok: /, 'over the Unix socket')
  t.equal(await database(socket).knock(new AbortController().signal), true)
})

t.test('R2.4 authentication', async (t) => {
  const wrong = plain.url().replace(password, 'wrong')
  t.match(
    await check(wrong),
    /^authentication: 127\.0\.0\.1:\d+ refused user "flowkeep" on database "postgres": .*28P01/,
  )
  t.match(await check(plain.url().replace(`:${password}`, '')), /^authentication: .*the URL has none/)
  t.match(await check(plain.url().replace('flowkeep', 'nobody_we_know')), /^authentication: /)
  for (const sslmode of ['prefer', 'require']) {
    t.match(await check(as('not_in_hba', sslmode)), /^authentication: .*no pg_hba.conf entry/, sslmode)
  }
})

t.test('R2.4 missing_database', async (t) => {
  t.match(
    await check(plain.url('orders')),
    /^missing_database: 127\.0\.0\.1:\d+ has no database "orders".*3D000/,
  )
})

t.test('R2.4 bad_answer: the health query fails, with its SQLSTATE', async (t) => {
  const healthQuery = 'select * from missing_table'
  t.match(
    await check(plain.url(), { healthQuery }),
    /^bad_answer: the health query failed .*missing_table.*42P01/,
  )
  const large = "select repeat('x', 1000) from generate_series(1, 100000)"
  t.match(await check(plain.url(), { healthQuery: large }), /^bad_answer: .*more than \d+ bytes/, 'R6.5')
})

t.test('R2.4 timeout: a health query that takes too long, and a server that is stopped', async (t) => {
  const healthQuery = 'select pg_sleep(60)'
  t.match(
    await check(plain.url(), { healthQuery, connectTimeoutMs: 300 }),
    /^timeout: .*did not answer the health query/,
  )
  plain.freeze()
  t.match(
    await check(plain.url(), { connectTimeoutMs: 100 }),
    /^timeout: .*accepted the connection, but did not answer/,
  )
  t.equal(await database(plain.url()).knock(new AbortController().signal), true, 'which a knock cannot tell')
  plain.thaw()
  t.match(await check(plain.url()), /^ok: /)
})

t.test('R2.4 tls: demanded, not offered, not trusted', async (t) => {
  t.match(
    await check(plain.url('postgres', { sslmode: 'require' })),
    /^tls: .*does not offer TLS.*sslmode=require/,
  )
  t.match(await check(as('tls_only', 'disable')), /^tls: .*takes no unencrypted connection.*28000/)
  t.match(await check(as('with_certificate', 'require')), /^tls: .*wants a client certificate/)
  const full = (ca: string, host?: string) =>
    check(`${as('tls_only', 'verify-full', host)}&sslrootcert=${ca}`)
  t.match(await full(otherCa), /^tls: .*\((SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)\)$/)
  t.match(await check(as('tls_only', 'verify-full')), /^tls: /, 'the public authorities do not know it')
  t.match(await full(secure.caFile ?? '', '127.0.0.2'), /^tls: .*ERR_TLS_CERT_ALTNAME_INVALID/)
  t.match(await full(secure.dataDirectory), /^tls: a certificate or key file/)
  t.match(await full(sslkey), /^tls: /, 'a key is no certificate')
})

t.test('R7.3 sslmode works as libpq’s does', async (t) => {
  const ca = `&sslrootcert=${secure.caFile}`
  for (const sslmode of ['allow', 'prefer', 'require', `verify-ca${ca}`, `verify-full${ca}`]) {
    t.match(await check(as('tls_only', sslmode)), /^ok: /, `tls_only ${sslmode}`)
  }
  for (const sslmode of ['disable', 'allow', 'prefer']) {
    t.match(await check(as('plain_only', sslmode)), /^ok: /, `plain_only ${sslmode}`)
  }
  t.match(await check(as('plain_only', 'require')), /^authentication: /)
  t.match(await check(as('tls_only', `verify-ca${ca}`, '127.0.0.2')), /^ok: /, 'verify-ca ignores the name')
  t.match(
    await check(as('tls_only', `require&sslrootcert=${otherCa}`)),
    /^tls: /,
    'require with a root verifies',
  )
  t.match(await check(as('tls_only', 'require&sslnegotiation=direct')), /^ok: /)
  const withCertificate = as('with_certificate', `verify-full${ca}&sslcert=${sslcert}&sslkey=${sslkey}`)
  t.match(await check(withCertificate), /^ok: /)
  const encrypted = 'select 1/ssl::int from pg_stat_ssl where pid = pg_backend_pid()'
  t.match(
    await check(as('flowkeep', 'prefer'), { healthQuery: encrypted }),
    /^ok: /,
    'prefer does prefer TLS',
  )
  t.match(await check(as('flowkeep', 'disable'), { healthQuery: encrypted }), /^bad_answer: /)
})

t.test('R2.4 unreachable, and no name server', async (t) => {
  // A network of its own, in which nothing is up.
  const script = `
    import { createDatabaseDependency } from '${import.meta.resolve('../../../supervisor/postgres/dependency.ts')}'
    import { Secret } from '${import.meta.resolve('../../../supervisor/core/secret.ts')}'
    for (const host of ['192.0.2.1', 'db.example']) {
      const url = new Secret('postgresql://rpa@' + host + '/x')
      const settings = { url, connectTimeoutMs: 60000, healthQuery: 'select 1', required: true }
      const dependency = createDatabaseDependency('rpa_db', settings)
      console.log(JSON.stringify(await dependency.check(new AbortController().signal)))
    }`
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const args = [...user, '--net', process.execPath, '--input-type=module-typescript', '-e', script]
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  await once(child, 'close')
  const [address, name] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(address, { reason: 'unreachable', message: /^192\.0\.2\.1:5432 cannot be reached from here/ })
  t.match(name, { reason: 'name_resolution', message: /db\.example/ })
})

t.test('§4 nothing is left behind by any of it', async (t) => {
  const sockets = process.getActiveResourcesInfo().filter((name) => /^(TCPSocket|TLS)/.test(name))
  t.same(sockets, [])
  const count = "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'"
  const slow =
    "select count(*)::int as n from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()"
  t.equal((await secure.query(count)).rows[0].n, 1, 'only this session')
  t.ok((await plain.query(slow)).rows[0].n <= 1)
})
