// Where the HTTP listener stands, read straight from the environment: the listener opens before the configuration is
// loaded, and the health probe must cost next to nothing. Anything unsound is only named here; the report that
// explains it belongs to the validation of the configuration.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { isIP } from 'node:net'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export type Environment = Readonly<Record<string, string | undefined>>

export const hostVariable = 'CONTAINER_HTTP_HOST'
export const portVariable = 'CONTAINER_HTTP_PORT'
const defaults: ListenAddress = { host: '0.0.0.0', port: 8088 }
const fileBytesMax = 64 * 1024

/** Reads the two variables, each in either form. */
export function readListenAddress(environment: Environment): ListenAddress | { readonly invalid: string } {
  try {
    const host = variableOf(environment, hostVariable) ?? defaults.host
    if (!isHost(host)) return { invalid: `${hostVariable} is not an address` }
    const port = variableOf(environment, portVariable) ?? String(defaults.port)
    if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535)
      return { invalid: `${portVariable} is not a port` }
    return { host, port: Number(port) }
  } catch (error) {
    return { invalid: (error as Error).message }
  }
}

/** Digits and dots that are no address would be read as one by the resolver (1.2.3 as 1.2.0.3). */
function isHost(text: string): boolean {
  return isIP(text) !== 0 || (/^[A-Za-z0-9.-]{1,253}$/.test(text) && !/^[\d.]+$/.test(text))
}

/** `NAME` or the contents of the file that `NAME_FILE` names. An empty value counts as unset. */
export function variableOf(environment: Environment, name: string): string | undefined {
  const plain = environment[name] || undefined
  const path = environment[`${name}_FILE`] || undefined
  if (path === undefined) return plain
  if (plain !== undefined) throw new Error(`both ${name} and ${name}_FILE are set`)
  try {
    return readText(path).replace(/\r?\n$/, '') || undefined
  } catch {
    throw new Error(`${name}_FILE names a file that cannot be read`)
  }
}

/** Opened without blocking: a FIFO given by mistake must not stop the boot. */
export function readText(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error('not a regular file')
    const buffer = Buffer.alloc(fileBytesMax)
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, fileBytesMax, 0))
  } finally {
    closeSync(descriptor)
  }
}
