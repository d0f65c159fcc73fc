import type { Test } from 'tap'
import type { HealthReport } from '../../../supervisor/core/health.ts'
import type { Logger } from '../../../supervisor/core/logger.ts'
import { openPublicHttp, type PublicHttp, type PublicParts } from '../../../supervisor/http/public.ts'

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const healthy: HealthReport = {
  status: 'healthy',
  state: 'running',
  flow: 'orders',
  instance: 'orders-1',
  version: '1.2.3',
  checks: {
    'database:rpa_db': { status: 'healthy', message: 'ok', since: '2030-01-01T00:00:00.000Z', durationMs: 3 },
  },
}

export async function openPublic(t: Test, parts: Partial<PublicParts> = {}): Promise<PublicHttp> {
  const http = await openPublicHttp({
    listener: undefined,
    host: '127.0.0.1',
    port: 0,
    logger: quiet,
    health: () => healthy,
    ready: () => true,
    started: () => true,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'up 1\n' }),
    ...parts,
  })
  t.teardown(() => http.close())
  return http
}
