import t from 'tap'
import { classifyNetworkFailure, showEndpoint } from '../../../supervisor/core/network-failure.ts'

const db = { host: 'db', port: 5432 }

function failed(code: string, message = code): Error {
  return Object.assign(new Error(message), { code })
}

function reason(error: unknown): string | undefined {
  return classifyNetworkFailure(error, db)?.reason
}

t.test('R2.4 each code has its reason', async (t) => {
  const codes = {
    name_resolution: ['ENOTFOUND', 'EAI_AGAIN'],
    refused: ['ECONNREFUSED', 'ENOENT', 'EACCES'],
    unreachable: ['EHOSTUNREACH', 'ENETUNREACH', 'EPERM', 'EMFILE'],
    timeout: ['ETIMEDOUT'],
    tls: [
      ...[
        'EPROTO',
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'ERR_SSL_WRONG_VERSION_NUMBER',
        'ERR_OSSL_PEM_NO_START_LINE',
      ],
      ...[
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'CERT_HAS_EXPIRED',
        'HOSTNAME_MISMATCH',
      ],
    ],
    bad_answer: ['ECONNRESET', 'EPIPE'],
  }
  for (const [expected, ofIt] of Object.entries(codes)) {
    for (const code of ofIt) t.equal(reason(failed(code)), expected, code)
  }
  t.equal(reason(failed('HPE_INVALID_CONSTANT')), undefined)
  t.equal(reason(failed('constructor')), undefined)
  t.equal(reason(new Error('without a code')), undefined)
  t.equal(reason('no error at all'), undefined)
})

t.test('R2.4 of several addresses the one that got furthest decides', async (t) => {
  const both = (...codes: string[]) => new AggregateError(codes.map((code) => failed(code)))
  t.equal(reason(both('ENETUNREACH', 'ECONNREFUSED')), 'refused')
  t.equal(reason(both('ECONNREFUSED', 'ENETUNREACH')), 'refused')
  t.equal(reason(both('ETIMEDOUT', 'EHOSTUNREACH')), 'timeout')
  t.equal(reason(both('ENOTFOUND')), 'name_resolution')
  t.equal(reason(new AggregateError([])), undefined)
})

t.test('R2.4 the message names host and port', async (t) => {
  t.match(classifyNetworkFailure(failed('ECONNREFUSED'), db)?.message, /^db:5432 refused the connection/)
  t.match(classifyNetworkFailure(failed('EAI_AGAIN'), db)?.message, /the name db .* name server/)
  t.match(
    classifyNetworkFailure(failed('EHOSTUNREACH', 'no route to host'), db)?.message,
    /db:5432.*no route to host/,
  )
  t.equal(showEndpoint({ host: '::1', port: 1 }), '[::1]:1')
  t.equal(showEndpoint({ host: '/run/postgresql', port: 1 }), '/run/postgresql')
})
