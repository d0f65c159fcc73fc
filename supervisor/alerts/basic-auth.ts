import type { Secret } from '../core/secret.ts'

/** @param auth `user:password` */
export function basicAuth(auth: Secret | undefined): Record<string, string> {
  if (auth === undefined) return {}
  return { authorization: `Basic ${Buffer.from(auth.reveal()).toString('base64')}` }
}
