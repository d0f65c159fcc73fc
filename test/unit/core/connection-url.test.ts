import { userInfo } from 'node:os'
import t from 'tap'
import { type ConnectionTarget, parseConnectionUrl } from '../../../supervisor/core/connection-url.ts'
import { encryptionsOf, tlsOptions } from '../../../supervisor/postgres/encryption.ts'

function target(url: string): ConnectionTarget {
  const parsed = parseConnectionUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.target
}

function problem(url: string): string {
  const parsed = parseConnectionUrl(url)
  return parsed.ok ? 'none' : parsed.problem
}

t.test('R1.3 every part of the URL is taken over, percent-decoded', async (t) => {
  const parsed = target(
    'postgresql://rpa%40corp:p%40ss%3Aw%2Frd@db.example:6432/orders%202?application_name=nightly',
  )
  t.match(parsed, {
    ...{ host: 'db.example', port: 6432, user: 'rpa@corp', database: 'orders 2', applicationName: 'nightly' },
  })
  t.equal(parsed.password.reveal(), 'p@ss:w/rd')
  t.notMatch(JSON.stringify(parsed), /p@ss/)
})

t.test('R1.3 what is left out has libpq’s default', async (t) => {
  t.match(target('postgres://rpa@db'), {
    port: 5432,
    database: 'rpa',
    ssl: { mode: 'prefer', direct: false },
  })
  t.equal(target('postgres://rpa@[::1]/x').host, '::1')
  t.match(target('postgresql:///x?host=/run/postgresql&user=rpa&port=5433'), {
    host: '/run/postgresql',
    port: 5433,
  })
  t.match(target('postgresql://h/x?user=a&password=b&dbname=c').database, 'c')
})

t.test('R1.3 a URL without a user takes the name of the process’s own, as libpq does', async (t) => {
  t.equal(target('postgres://h/d').user, userInfo().username)
})

t.test('R1.3 what cannot be used is named, without a part that may be secret', async (t) => {
  const secret = 'hunter2'
  const wrong = {
    [`mysql://u:${secret}@h/d`]: /postgresql:\/\//,
    [`u:${secret}@h`]: /postgresql:\/\//,
    [`postgres://u:${secret}@h1:1,h2:2/d`]: /not a URL/,
    [`postgres://u:${secret}@/d`]: /no host/,
    [`postgres:///d?user=u&password=${secret}`]: /no host/,
    [`postgres://u:${secret}%zz@h/d`]: /%25/,
    [`postgres://u:${secret}@h/d?sslmode=on`]: /sslmode that is none of disable, allow/,
    [`postgres://u:${secret}@h/d?sslmode=verify-ca`]: /sslrootcert/,
    [`postgres://u:${secret}@h/d?sslcert=/a`]: /only one of sslcert and sslkey/,
    [`postgres://u:${secret}@h/d?sslnegotiation=direct`]: /needs sslmode=require/,
    [`postgres://u:${secret}@h/d?sslmode=require&sslrootcert=system`]: /needs sslmode=verify-full/,
    [`postgres://u:${secret}@h/d?channel_binding=require`]: /"channel_binding", which is not supported/,
    [`postgres://u:${secret}@h/d?port=70000`]: /port/,
  }
  for (const [url, expected] of Object.entries(wrong)) {
    t.match(problem(url), expected, url)
    t.notMatch(problem(url), new RegExp(secret))
  }
})

t.test('R7.3 sslmode decides on TLS, verification and the second try as in libpq', async (t) => {
  const ways = (mode: string) =>
    encryptionsOf(target(`postgres://u@h?sslmode=${mode}&sslrootcert=/ca`).ssl.mode, 'h')
  t.same(ways('disable'), ['plain'])
  t.same(ways('allow'), ['plain', 'tls'])
  t.same(ways('prefer'), ['tls', 'plain'])
  for (const mode of ['require', 'verify-ca', 'verify-full', 'no-verify']) t.same(ways(mode), ['tls'], mode)
  t.same(encryptionsOf('require', '/run/postgresql'), ['plain'], 'a Unix socket needs none')

  const ca = import.meta.filename
  const trust = async (parameters: string) => {
    const options = await tlsOptions(target(`postgres://u@h?${parameters}`).ssl)
    return [options.rejectUnauthorized, options.checkServerIdentity === undefined, options.ca !== undefined]
  }
  t.same(await trust('sslmode=prefer'), [false, false, false])
  t.same(await trust('sslmode=require'), [false, false, false])
  t.same(await trust(`sslmode=require&sslrootcert=${ca}`), [true, false, true], 'verifies like verify-ca')
  t.same(await trust(`sslmode=verify-ca&sslrootcert=${ca}`), [true, false, true])
  t.same(await trust(`sslmode=verify-full&sslrootcert=${ca}`), [true, true, true])
  t.same(await trust('sslmode=verify-full'), [true, true, false], 'the public authorities')
  t.same(await trust('sslrootcert=system'), [true, true, false])
  await t.rejects(trust('sslmode=verify-ca&sslrootcert=/nowhere/ca.crt'), { code: 'ENOENT' })
})
