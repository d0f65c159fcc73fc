// Whether the ports can be had on which the stack shows its pages.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { codeOf, FlowkeepError } from '../../supervisor/core/errors.ts'
import { type Page, portOf } from './project.ts'

const portMax = 65_535

/** @throws FlowkeepError `config_invalid` naming the first variable that is no port */
export function checkPortNumbers(pages: readonly Page[], environment: NodeJS.ProcessEnv): void {
  for (const page of pages) {
    const port = portOf(page, environment)
    if (Number.isInteger(port) && port >= 0 && port <= portMax) continue
    throw new FlowkeepError('config_invalid', {
      operation: 'cannot start the stack',
      subject: page.variable,
      message: `${page.variable} is "${environment[page.variable]}", not a port from 0 to ${portMax}`,
      hint: `Set it to a free port, or leave it out for ${page.port}.`,
    })
  }
}

/**
 * @param held services of the stack that run already: their ports are theirs
 * @throws FlowkeepError `port_unavailable` naming the first port that cannot be had
 */
export async function checkPorts(
  pages: readonly Page[],
  held: ReadonlySet<string>,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  for (const page of pages) {
    if (held.has(page.service)) continue
    const port = portOf(page, environment)
    const problem = await whyNot(port)
    if (problem === undefined) continue
    throw new FlowkeepError('port_unavailable', {
      operation: 'cannot start the stack',
      subject: page.variable,
      message: `port ${port} of 127.0.0.1, for ${page.title}, cannot be had: ${problem}`,
      hint: `Stop what holds it, or choose another in the environment: ${page.variable}=${port + 1}`,
    })
  }
}

async function whyNot(port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return undefined
  } catch (error) {
    const code = codeOf(error)
    return code === 'EADDRINUSE' ? 'it is in use' : String(code)
  } finally {
    server.close()
  }
}
