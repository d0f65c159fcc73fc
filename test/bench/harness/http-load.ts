// Load on /health from a process of its own: wrk, or where it is missing a small program of ours.

import { fileURLToPath } from 'node:url'
import { execute } from '../../harness/docker.ts'
import type { Site } from './benchmark.ts'
import { isHere } from './peers.ts'

const connections = 32
const program = fileURLToPath(new URL('../programs/http-load.cjs', import.meta.url))
export const hasWrk = isHere('wrk')

export interface Load {
  readonly requestsPerSecond: number
  readonly p99Ms: number
}

export async function loadHealth(site: Site, port: number, seconds: number): Promise<Load> {
  return hasWrk ? wrk(port, seconds) : own(site, port, seconds)
}

async function wrk(port: number, seconds: number): Promise<Load> {
  const options = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`]
  const { stdout } = await execute('wrk', [...options, '--latency', `http://127.0.0.1:${port}/health`])
  const requests = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]
  const [, amount, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? []
  if (!requests || !unit || /Non-2xx/.test(stdout)) throw new Error(`wrk: ${stdout}`)
  return {
    requestsPerSecond: Number(requests),
    p99Ms: Number(amount) * { us: 0.001, ms: 1, s: 1000 }[unit as 'ms'],
  }
}

async function own(site: Site, port: number, seconds: number): Promise<Load> {
  const { stdout, stderr } = await execute(site.node, [program, ...[port, connections, seconds].map(String)])
  const [requestsPerSecond, p99Ms] = stdout.trim().split(' ').map(Number)
  if (!requestsPerSecond || !p99Ms) throw new Error(`${program}: ${stderr}`)
  return { requestsPerSecond, p99Ms }
}
