// The listener that answers before anything else is loaded (it is most of the boot time): liveness is true from the
// first moment, the rest honestly says "validating". `public.ts` takes the same server over.

import type { RequestListener } from 'node:http'
import { limits } from '../core/limits.ts'
import { type Environment, readListenAddress } from '../core/listen-address.ts'
import { type Listener, openListener, pathOf, refusal } from './listener.ts'

export type EarlyOpening =
  | Listener
  /** The address cannot be had: `portUnavailable` makes the error to end with. */
  | { readonly failed: NodeJS.ErrnoException; readonly host: string; readonly port: number }
  /** Nothing was opened; validation of the configuration reports why. */
  | { readonly invalid: string }

export async function openEarlyListener(environment: Environment, version: string): Promise<EarlyOpening> {
  const address = readListenAddress(environment)
  if ('invalid' in address) return address
  try {
    return await openListener(address.host, address.port, createEarlyHandler(version))
  } catch (thrown) {
    const failed = thrown as NodeJS.ErrnoException
    if (failed.code === 'ENOTFOUND' || failed.code === 'EAI_AGAIN') {
      return { invalid: `the host ${address.host} has no address` }
    }
    return { failed, ...address }
  }
}

export function createEarlyHandler(version: string): RequestListener {
  const known = new Set(['/livez', '/health', '/readyz', '/startupz'])
  const body = (status: string) =>
    `${JSON.stringify({ status, state: 'validating', flow: null, instance: null, version, checks: {} })}\n`

  return (request, response) => {
    const path = pathOf(request.url ?? '')
    response.setHeader('content-type', 'application/json')
    response.setHeader('cache-control', 'no-store')
    if (!known.has(path)) {
      response.statusCode = 404
      response.end(refusal('there is nothing at that path'))
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.statusCode = 405
      response.setHeader('allow', 'GET, HEAD')
      response.end(refusal('only GET and HEAD are answered here'))
    } else if (path === '/livez') {
      response.end(body('healthy'))
    } else {
      response.statusCode = 503
      response.setHeader('retry-after', String(limits.httpRetryAfterSeconds))
      response.end(body('unhealthy'))
    }
  }
}
