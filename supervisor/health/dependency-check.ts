import { checkName, type Dependency } from '../core/dependency.ts'
import type { HealthCheck } from './check.ts'

/** Asks a dependency the same deep question as the gate does. */
export function createDependencyCheck(
  dependency: Dependency,
  times: { readonly intervalMs: number; readonly timeoutMs: number },
): HealthCheck {
  return {
    name: checkName(dependency),
    dependency: true,
    ...times,
    async run(signal) {
      const result = await dependency.check(signal)
      if (result.ok) return { status: 'healthy', message: result.message }
      return { status: 'unhealthy', message: `${result.reason}: ${result.message}` }
    },
  }
}
