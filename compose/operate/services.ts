import { FlowkeepError } from '../../supervisor/core/errors.ts'
import type { Container } from './project.ts'

/** @throws FlowkeepError `usage` for the first of the names that no container has as its service */
export function unknownService(containers: readonly Container[], names: readonly string[]): void {
  const services = [...new Set(containers.map(({ service }) => service))]
  const unknown = names.find((name) => !services.includes(name))
  if (unknown === undefined) return
  throw new FlowkeepError('usage', {
    operation: 'cannot find the service',
    subject: unknown,
    message: `the stack has no container of a service ${unknown}`,
    hint: services.length === 0 ? 'npm start brings the stack up.' : `There are ${services.join(', ')}.`,
  })
}
