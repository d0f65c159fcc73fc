import fc from 'fast-check'
import t from 'tap'
import { databaseUrl } from '../../../supervisor/config/database-url.ts'
import type { Format } from '../../../supervisor/config/format.ts'
import { prefectUrl, serviceUrl, splitCredentials } from '../../../supervisor/config/service-url.ts'
import { takeApart } from '../../../supervisor/config/url-parts.ts'

function wrong(format: Format<string>, text: string): string | undefined {
  const parsed = format.parse(text)
  return parsed.ok ? undefined : (parsed.wrong ?? 'refused')
}

t.test('R1.1 database URLs that are sound', async (t) => {
  for (const url of [
    'postgres://db/rpa',
    'postgresql://app@db.example:5432/rpa',
    'POSTGRES://app:secret@db/rpa',
    'postgres://app:p%40s%2Fs%3A%25@db/rpa?sslmode=verify-full&application_name=orders',
    'postgres://app:a:b@db/rpa',
    'postgres://app:secret@[2001:db8::1]:5432/rpa',
    'postgres://app@/rpa?host=/var/run/postgresql',
    'postgres://app@my_db/b%C3%BCcher',
  ]) {
    t.same(databaseUrl.parse(url), { ok: true, value: url }, url)
  }
})

t.test('R1.1 R1.4 what a database URL lacks is explained', async (t) => {
  const explained: Record<string, string> = {
    'db.example/rpa': 'it does not begin with a scheme',
    'db.example:5432/rpa': 'it does not begin with a scheme',
    'mysql://db/rpa': 'its scheme is mysql',
    'hunter2://db/rpa': 'it has another scheme',
    'postgresql+asyncpg://db/rpa': 'its scheme names a driver after a +',
    'postgres:db/rpa': '"://" does not follow its scheme',
    'postgres:///rpa': 'it has no host',
    'postgres://app:secret@/rpa': 'it has no host',
    'postgres://db': 'it has no database name',
    'postgres://db/': 'it has no database name',
    'postgres://db?sslmode=require': 'it has no database name',
    'postgres://db/a/b': 'it has another / after the database name',
    'postgres://db/..': 'its database name cannot be given in a URL',
    'postgres://db/%2e': 'its database name cannot be given in a URL',
    'postgres://db/a%2Fb': 'its database name cannot be given in a URL',
    'postgres://db/%zz': 'its database name has a % that is not followed by two hexadecimal digits',
    'postgres://db:0/rpa': 'its port is no number from 1 to 65535',
    'postgres://db:65536/rpa': 'its port is no number from 1 to 65535',
    'postgres://db:/rpa': 'its port is no number from 1 to 65535',
    'postgres://db:5432x/rpa': 'its port is no number from 1 to 65535',
    'postgres://a,b/rpa': 'it names more than one host',
    'postgres://[::1/rpa': 'its host cannot be read',
    'postgres://::1/rpa': 'its host cannot be read',
    'postgres://999.1.1.1/rpa': 'its host has characters a host name cannot have',
    'postgres://d b/rpa': 'it has spaces or control characters',
    'postgres://db/rpa\n': 'it has spaces or control characters',
    ' postgres://db/rpa': 'it has spaces or control characters',
    'postgres://db/rpa?sslmode=on':
      'it has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full',
    'postgres://db/rpa?sslmode=verify-ca':
      'it has sslmode=verify-ca without the sslrootcert to verify against',
    'postgres://db/rpa?options=%': 'a parameter after the ? is not percent-encoded properly',
    'postgres://db/rpa#x': 'it has a #',
  }
  for (const [url, message] of Object.entries(explained)) t.equal(wrong(databaseUrl, url), message, url)
})

t.test(
  'R1.4 mistakes in the percent-encoding of a password are explained, each with how to write it',
  async (t) => {
    const explained: Record<string, string> = {
      'postgres://app:50%off@db/rpa': 'its password has a % that is not followed by two hexadecimal digits',
      'postgres://app:off%@db/rpa': 'its password has a % that is not followed by two hexadecimal digits',
      'postgres://app:%ff@db/rpa': 'its password has percent-encoded bytes that are no UTF-8 text',
      'postgres://app:%00@db/rpa': 'its password has a NUL character',
      'postgres://app:p@ss@db/rpa': 'it has more than one @',
      'postgres://app:p@s/s@db': 'it has more than one @',
      'postgres://app:p@s/s?@db/rpa': 'it has more than one @',
      'postgres://app:p/ss@db/rpa': 'user or password hold a /, ? or # that is not percent-encoded',
      'postgres://app:1#ss@db/rpa': 'user or password hold a /, ? or # that is not percent-encoded',
      'postgres://app:p?ss@db/rpa': 'user or password hold a /, ? or # that is not percent-encoded',
      'postgres://a%pp:x@db/rpa': 'its user has a % that is not followed by two hexadecimal digits',
    }
    for (const [url, message] of Object.entries(explained)) {
      const parsed = databaseUrl.parse(url)
      t.match(parsed, { ok: false, wrong: message, hint: /^Percent-encode special characters/ }, url)
    }
  },
)

t.test('R7.2 the shown form of a database URL has no password, wherever it stands', async (t) => {
  t.equal(
    databaseUrl.show('postgres://app:s3cret@db:5432/rpa?sslmode=require&password=s3cret2&s3cret3'),
    'postgres://app:[redacted]@db:5432/rpa?sslmode=require&password=[redacted]&[redacted]',
  )
  t.equal(databaseUrl.show('postgres://db/rpa'), 'postgres://db/rpa')
  t.same(databaseUrl.secrets?.('postgres://app:p%40ss@db/rpa'), [
    'postgres://app:p%40ss@db/rpa',
    'p%40ss',
    'p@ss',
  ])
  t.same(databaseUrl.secrets?.('postgres://app@db/rpa'), [])
})

t.test('R1.1 service URLs', async (t) => {
  for (const url of [
    'http://a',
    'https://a.example:8443/base/',
    'http://[::1]:80/',
    'https://user:p%40ss@a/',
  ]) {
    t.same(serviceUrl.parse(url), { ok: true, value: url }, url)
  }
  const explained: Record<string, string> = {
    'a.example': 'it does not begin with a scheme',
    'ftp://a': 'its scheme is ftp',
    'http:a': '"://" does not follow its scheme',
    'http:///ready': 'it has no host',
    'http://a?x=1': 'it has a query',
    'http://a/#x': 'it has a #',
    'http://a\\b': 'its host has characters a host name cannot have',
    'http://a/b\\c': 'it has a backslash',
    'http://a:99999': 'its port is no number from 1 to 65535',
    'http://us er@a': 'it has spaces or control characters',
    'http://user:%zz@a': 'its password has a % that is not followed by two hexadecimal digits',
  }
  for (const [url, message] of Object.entries(explained)) t.equal(wrong(serviceUrl, url), message, url)
})

t.test('§5 a Prefect URL without a path gets /api', async (t) => {
  const completed: Record<string, string> = {
    'http://prefect:4200': 'http://prefect:4200/api',
    'http://prefect:4200/': 'http://prefect:4200/api',
    'http://prefect:4200/api': 'http://prefect:4200/api',
    'https://prefect.example/accounts/1': 'https://prefect.example/accounts/1',
    'http://user:pw@prefect:4200': 'http://user:pw@prefect:4200/api',
  }
  for (const [url, value] of Object.entries(completed))
    t.same(prefectUrl.parse(url), { ok: true, value }, url)
})

t.test('R7.2 credentials in a service URL are taken out of it and masked', async (t) => {
  t.same(splitCredentials('https://us%20er:p%40ss@a:1/b'), {
    url: 'https://a:1/b',
    credentials: 'us er:p@ss',
  })
  t.same(splitCredentials('https://token@a'), { url: 'https://a', credentials: 'token:' })
  t.same(splitCredentials('https://a'), { url: 'https://a', credentials: undefined })
  t.equal(serviceUrl.show('https://token@a/b'), 'https://[redacted]@a/b')
  t.ok(serviceUrl.secrets?.('https://token@a/b').includes('token'))
  t.ok(serviceUrl.secrets?.('https://user:p%40ss@a').includes('user:p@ss'))
})

const part = fc.array(
  fc.constantFrom(
    'a',
    '1',
    ':',
    '@',
    '/',
    '?',
    '#',
    '%',
    '%41',
    '%zz',
    '[',
    ']',
    ',',
    '\\',
    ' ',
    '\t',
    '&',
    '=',
    '.',
    '_',
    '-',
    'ä',
    '"',
  ),
  { maxLength: 8 },
)
const text = part.map((parts) => parts.join(''))
/** Sound as often as not, so that one bad part at a time is tried as well. */
const or = (...sound: string[]) => fc.oneof(fc.constantFrom(...sound), text)

t.test(
  'R1.1 an accepted URL means to the driver what it means here: no host or database is guessed',
  async (t) => {
    let count = 0
    fc.assert(
      fc.property(
        or('app'),
        or('pw', '%40'),
        or('db', '[::1]', 'my_db'),
        fc.constantFrom('', ':5432'),
        or('rpa', 'rpa?x=1'),
        (user, secret, location, suffix, database) => {
          const url = `postgres://${user}:${secret}@${location}${suffix}/${database}`
          if (!databaseUrl.parse(url).ok) return
          count += 1
          const taken = takeApart(url, ['postgres'])
          if (!taken.ok) throw new Error(`${url} cannot be taken apart`)
          const parsed = new URL(url)
          const theirs = [
            parsed.hostname,
            parsed.port,
            decodeURIComponent(parsed.password),
            decodeURI(parsed.pathname),
          ]
          const { host, port, password, path } = taken.value
          const ours = [host, port ?? '', decodeURIComponent(password ?? ''), decodeURI(path)]
          if (JSON.stringify(ours) !== JSON.stringify(theirs))
            throw new Error(`${url}: ${ours} is to the driver ${theirs}`)
        },
      ),
      { numRuns: 5000 },
    )
    fc.assert(
      fc.property(or('a:b', 'a'), or('db', '[::1]'), or('', 'x'), (userInfo, host, path) => {
        const url = `http://${userInfo}@${host}/${path}`
        if (!serviceUrl.parse(url).ok) return
        const { url: bare } = splitCredentials(url)
        const parsed = new URL(bare)
        if (parsed.username !== '' || parsed.password !== '') throw new Error(`credentials left in ${bare}`)
        if (new URL(`http://${host}`).host !== parsed.host) throw new Error(`host of ${url}`)
      }),
      { numRuns: 5000 },
    )
    t.ok(count > 100, 'many were accepted')
    t.comment(`${count} accepted`)
  },
)

t.test('R7.2 what is wrong with a URL is told without any piece of it', async (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[k-z]{6,12}$/), text, text, (secret, before, after) => {
      for (const format of [databaseUrl, serviceUrl, prefectUrl]) {
        for (const url of [
          `${secret}${before}${after}`,
          `postgres://a:${before}${secret}${after}@b/c`,
          `http://a:${before}${secret}${after}@b?`,
          `${secret}://${before}@${after}`,
        ]) {
          const parsed = format.parse(url)
          if (!parsed.ok && JSON.stringify(parsed).includes(secret)) throw new Error(`told: ${parsed.wrong}`)
          if (parsed.ok && String(format.show(url)).includes(secret))
            throw new Error(`shown: ${format.show(url)}`)
        }
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
})
