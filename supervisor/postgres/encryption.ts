// How sslmode decides whether a connection is tried with TLS, and with what trust. `allow` and `prefer` have a second
// try the other way round, as in libpq; a wrong password is never tried twice.

import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { SslMode, SslSettings } from '../core/connection-url.ts'

export type Encryption = 'tls' | 'plain'

const order: Readonly<Record<SslMode, readonly Encryption[]>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
  require: ['tls'],
  'verify-ca': ['tls'],
  'verify-full': ['tls'],
}

/** The ways to try, in order. TLS is not spoken over a Unix socket. */
export function encryptionsOf(mode: SslMode, host: string): readonly Encryption[] {
  return host.startsWith('/') ? ['plain'] : order[mode]
}

/** Reads the files anew each time: certificates are renewed while we run. Rejects when one cannot be read. */
export async function tlsOptions(settings: SslSettings): Promise<ConnectionOptions> {
  const { mode, rootCertFile, certFile, keyFile } = settings
  const ownCa = rootCertFile !== undefined && rootCertFile !== 'system'
  const [ca, cert, key] = await Promise.all([
    ownCa ? readFile(rootCertFile) : undefined,
    certFile === undefined ? undefined : readFile(certFile),
    keyFile === undefined ? undefined : readFile(keyFile),
  ])
  // `require` with a root certificate verifies like verify-ca, which libpq keeps for old installations.
  const verifies = mode === 'verify-full' || mode === 'verify-ca' || (mode === 'require' && ownCa)
  return {
    rejectUnauthorized: verifies,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(ca && { ca }),
    ...(cert && key && { cert, key }),
  }
}
