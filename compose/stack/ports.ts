// Whether the ports can be had on which the stack shows its pages.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { exitCode, Problem } from './problem.ts'
import { type Page, portOf } from './project.ts'

const portMax = 65_535

/**
 * @param held services of the stack that run already: their ports are theirs
 * @throws Problem naming the first port that cannot be had
 */
export async function checkPorts(
  pages: readonly Page[],
  held: ReadonlySet<string>,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  for (const page of pages) {
    const port = portOf(page, environment)
    if (!Number.isInteger(port) || port < 0 || port > portMax) {
      throw new Problem(
        `${page.variable} is "${environment[page.variable]}", not a port from 0 to ${portMax}`,
        exitCode.refused,
      )
    }
    if (held.has(page.service)) continue
    const problem = await whyNot(port)
    if (problem === undefined) continue
    throw new Problem(
      `port ${port} of 127.0.0.1, for ${page.title}, cannot be had (${problem}): stop what holds it, or choose another: ${page.variable}=${port + 1} npm start`,
      exitCode.cannotBeHad,
    )
  }
}

async function whyNot(port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EADDRINUSE' ? 'it is in use' : String(code)
  } finally {
    server.close()
  }
}
