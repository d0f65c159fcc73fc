import { checkName, type Dependency } from '../core/dependency.ts'
import type { HealthCheck } from './check.ts'

/**
 * Asks a dependency the same deep question as the gate does.
 * @param seen called with its name whenever it was found well
 */
export function createDependencyCheck(
  dependency: Dependency,
  times: { readonly intervalMs: number; readonly timeoutMs: number },
  seen: (name: string) => void = () => {},
): HealthCheck {
  return {
    name: checkName(dependency),
    dependency: true,
    ...times,
    async run(signal) {
      const result = await dependency.check(signal)
      if (!result.ok) return { status: 'unhealthy', message: `${result.reason}: ${result.message}` }
      seen(dependency.name)
      return { status: 'healthy', message: result.message }
    },
  }
}
