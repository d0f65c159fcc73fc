import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { hostVariable, portVariable } from '../core/listen-address.ts'

/** Says why an address cannot be listened on, and which variable changes it. */
export function portUnavailable(error: unknown, host: string, port: number): FlowkeepError {
  const { message, hint } = explain(error, host, port)
  return new FlowkeepError('port_unavailable', {
    operation: 'cannot open the HTTP listener',
    subject: `${host}:${port}`,
    message,
    hint,
    cause: error,
  })
}

function explain(error: unknown, host: string, port: number): { message: string; hint: string } {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return {
        message: `port ${port} on ${host} is in use`,
        hint: `Set ${portVariable} to a free port, or end the process that listens on ${port}.`,
      }
    case 'EACCES':
      return {
        message: `port ${port} on ${host} is not permitted to this user`,
        hint: `Set ${portVariable} to a port above 1023.`,
      }
    case 'EADDRNOTAVAIL':
      return {
        message: `this container has no address ${host}`,
        hint: `Set ${hostVariable} to 0.0.0.0 or to an address of this container.`,
      }
    default:
      return { message: messageOf(error), hint: `Check ${hostVariable} and ${portVariable}.` }
  }
}
