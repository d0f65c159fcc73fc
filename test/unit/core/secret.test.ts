import { inspect } from 'node:util'
import t from 'tap'
import { createRedactor, mask, Secret } from '../../../supervisor/core/secret.ts'

t.test('R7.2 a secret shows itself in no way of printing it', async (t) => {
  const secret = new Secret('k7-Zq4wP')
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ deep: { secret } }),
    inspect(secret),
  ]
  for (const text of shown) t.notMatch(text, /k7-Zq4wP/)
  t.equal(secret.reveal(), 'k7-Zq4wP')
  t.equal(String(new Secret('postgres://u:pw@h/d', 'postgres://u:***@h/d')), 'postgres://u:***@h/d')
})

t.test('R7.2 the redactor finds a secret in each of its written forms, the longest first', async (t) => {
  const secret = 'p@ss "word"/1'
  const redact = createRedactor([secret, 'word', 'abc'])
  const text = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
  ].join(' | ')
  t.notMatch(redact(text), /p@ss|p%40ss|word|cEBzcy/)
  t.equal(redact(`x ${secret} y`), `x ${mask} y`)
  t.equal(redact('abc'), 'abc', 'too short to be masked without ruining text')
})
