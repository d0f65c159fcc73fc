// The peer that shows what Node.js itself costs: its http module and nothing else, as CommonJS.

import { fileURLToPath } from 'node:url'
import type { Site } from './benchmark.ts'
import { firstAnswer, firstOf, freePort, start } from './processes.ts'
import type { Served } from './supervisor.ts'

export const bareHttp = 'bare node http'

const program = fileURLToPath(new URL('../programs/bare-http.cjs', import.meta.url))

export function bareHttpCommand(site: Site, port: number): string[] {
  return [site.node, program, String(port)]
}

/** As PID 1; resolves when it has answered. */
export async function startBareHttp(site: Site): Promise<Served> {
  const port = await freePort()
  const running = start({ command: bareHttpCommand(site, port), asPid1: true })
  await firstAnswer(port, '/health', running)
  return { port, pid: await firstOf(running), running }
}
