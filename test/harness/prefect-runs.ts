// The flow runs that a stack's Prefect server knows.

import type { Stack } from './stack.ts'

export interface FlowRun {
  readonly name: string
  /** As in `COMPLETED`. */
  readonly state: string
  /** What our flows call it, also before it has begun and has the name. */
  readonly run: string
}

/** As many as the server gives at a time. */
const pageSize = 200

export async function prefectRuns(stack: Stack): Promise<readonly FlowRun[]> {
  const address = await stack.address('prefect', 4200)
  const runs: FlowRun[] = []
  for (;;) {
    const response = await fetch(`${address}/api/flow_runs/filter`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ limit: pageSize, offset: runs.length, sort: 'START_TIME_ASC' }),
    })
    if (!response.ok) throw new Error(`flow_runs/filter: ${response.status}: ${await response.text()}`)
    const page = (await response.json()) as {
      name: string
      state_type: string
      parameters: { run: string }
    }[]
    runs.push(...page.map(({ name, state_type, parameters: { run } }) => ({ name, state: state_type, run })))
    if (page.length < pageSize) return runs
  }
}
