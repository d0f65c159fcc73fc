// What a stop after a reload is told about the flow. In this process, with real flows and real pipes.

import t from 'tap'
import { systemClock as clock } from '../../../supervisor/core/clock.ts'
import type { EventType } from '../../../supervisor/core/lifecycle.ts'
import { createChildren } from '../../../supervisor/process/children.ts'
import { createFlowControl, type FlowControl } from '../../../supervisor/process/flow-control.ts'
import { loadNative } from '../../../supervisor/process/native.ts'
import { createRestartPolicy } from '../../../supervisor/process/restart-policy.ts'

const { pipe, peekStatus } = loadNative()
const ignore = () => undefined

interface Stubborn {
  readonly control: FlowControl
  event(type: EventType): Promise<void>
}

/** A flow that runs and takes no notice of TERM. */
async function startStubborn(): Promise<Stubborn> {
  const waiting = new Map<string, () => void>()
  const said = new Promise<void>((resolve) => waiting.set('up', resolve))
  const stdout = {
    push() {
      waiting.get('up')?.()
      return true
    },
    end: ignore,
    onRoom: ignore,
  }
  const control = createFlowControl({
    clock,
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    children: createChildren(ignore),
    restarts: createRestartPolicy(
      { policy: 'never', backoffMinMs: 1, backoffMaxMs: 1, max: 0, windowMs: 1 },
      Math.random,
    ),
    pipe,
    peekStatus,
    oomKills: () => 0,
    outputs: () => ({ stdout, stderr: { push: () => true, end: ignore, onRoom: ignore } }),
    command: () => ({
      file: 'sh',
      args: ['-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'],
      environment: process.env,
      user: undefined,
      launcher: [],
    }),
    stopping: () => ({ signal: 'SIGTERM', termMs: 60_000 }),
    dispatch: ({ type }) => waiting.get(type)?.(),
    started: ignore,
    exited: ignore,
  })
  control.start()
  await said
  return {
    control,
    event: (type) => new Promise((resolve) => waiting.set(type, resolve)),
  }
}

t.test('§4 a flow that a reload had to kill counts as stopped by the reload', async (t) => {
  const { control, event } = await startStubborn()
  const gone = event('tree_gone')
  control.stopForReload()
  control.kill()
  await gone
  t.match(control.status, { stoppedByReload: true, lastExit: { signal: 'SIGKILL' } })
  await control.release(0)
})

t.test('§4 a flow that a stop had to kill does not, also when the stop came during a reload', async (t) => {
  const { control, event } = await startStubborn()
  const gone = event('tree_gone')
  control.stopForReload()
  control.terminate('SIGTERM')
  control.kill()
  await gone
  t.match(control.status, { stoppedByReload: false, lastExit: { signal: 'SIGKILL' } })
  await control.release(0)
})
