// One request after the other over one connection, and how long each answer took.

import { Agent, get } from 'node:http'
import { performance } from 'node:perf_hooks'

/** Latencies in ms; the status has to be 200. */
export async function latenciesMs(port: number, path: string, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const latencies: number[] = []
  for (let request = 0; request < count; request++) {
    const sentAtMs = performance.now()
    await answered(agent, port, path)
    latencies.push(performance.now() - sentAtMs)
  }
  agent.destroy()
  return latencies
}

function answered(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ agent, host: '127.0.0.1', port, path }, (response) => {
      response.resume()
      if (response.statusCode !== 200) reject(new Error(`${path} answers ${response.statusCode}`))
      response.once('end', resolve)
    }).once('error', reject)
  })
}
