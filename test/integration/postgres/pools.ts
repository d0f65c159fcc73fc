// Pools as the supervisor makes them, for a database of a test.

import { systemClock } from '../../../supervisor/core/clock.ts'
import { type ConnectionTarget, parseConnectionUrl } from '../../../supervisor/core/connection-url.ts'
import { createPool, type DatabasePool, type PoolOptions } from '../../../supervisor/postgres/pool.ts'

export function poolFor(url: string | (() => string), options: Partial<PoolOptions> = {}): DatabasePool {
  const target = () => targetOf(typeof url === 'string' ? url : url())
  return createPool({ target, size: 5, connectTimeoutMs: 20_000, clock: systemClock, ...options })
}

export function targetOf(url: string): ConnectionTarget {
  const parsed = parseConnectionUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.target
}
