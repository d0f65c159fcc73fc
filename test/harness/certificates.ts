// X.509 certificates for tests, made on the spot, so that no private key lies in the repository and no openssl has to
// be installed. Just enough DER for a certificate authority and server or client certificates signed by it (RFC 5280).

import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

export interface Certificate {
  /** PEM */
  readonly certificate: string
  /** PEM, PKCS #8 */
  readonly key: string
}

export interface Authority extends Certificate {
  /** A certificate for these DNS names and IP addresses. The first one is its common name as well. */
  issue(names: readonly string[]): Certificate
}

const dayMs = 86_400_000
const oid = {
  commonName: [0x55, 0x04, 0x03],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  basicConstraints: [0x55, 0x1d, 0x13],
  subjectAltName: [0x55, 0x1d, 0x11],
}

export function createAuthority(name = 'Flowkeep test authority'): Authority {
  const own = issueCertificate({ subject: name, issuer: name, authority: true, names: [] })
  return {
    ...own,
    issue: (names) =>
      issueCertificate({
        subject: names[0] ?? 'localhost',
        issuer: name,
        authority: false,
        names,
        signer: own.key,
      }),
  }
}

interface Request {
  readonly subject: string
  readonly issuer: string
  readonly authority: boolean
  readonly names: readonly string[]
  /** The issuer's key in PEM; without it the certificate signs itself. */
  readonly signer?: string
}

function issueCertificate(request: Request): Certificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const algorithm = sequence(objectId(oid.ecdsaWithSha256))
  const now = Date.now()
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    distinguishedName(request.issuer),
    sequence(time(now - dayMs), time(now + 365 * dayMs)),
    distinguishedName(request.subject),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(request))),
  )
  const signature = sign('sha256', body, createPrivateKey(request.signer ?? key))
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return { certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, key }
}

function extensions({ authority, names }: Request): Buffer[] {
  const isTrue = tagged(0x01, Buffer.from([0xff]))
  if (authority) {
    return [sequence(objectId(oid.basicConstraints), isTrue, tagged(0x04, sequence(isTrue)))]
  }
  const alternatives = names.map((name) =>
    isIP(name) ? tagged(0x87, addressBytes(name)) : tagged(0x82, Buffer.from(name)),
  )
  return [sequence(objectId(oid.subjectAltName), tagged(0x04, sequence(...alternatives)))]
}

function addressBytes(address: string): Buffer {
  if (address === '::1') return Buffer.from([...new Array(15).fill(0), 1])
  return Buffer.from(address.split('.').map(Number))
}

function tagged(tag: number, content: Buffer): Buffer {
  const size = content.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function objectId(bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes))
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectId(oid.commonName), tagged(0x0c, Buffer.from(commonName)))
  return sequence(tagged(0x31, attribute))
}

/** GeneralizedTime, `YYYYMMDDHHMMSSZ`. (DER would want UTCTime until 2049; nothing insists on it.) */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return tagged(0x18, Buffer.from(text))
}
