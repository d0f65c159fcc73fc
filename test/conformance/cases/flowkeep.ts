// What only an init can be asked that waits for its dependencies, restarts its flow, and takes new settings.
// They are in the terms of Flowkeep, the only one here that does.

import { constants } from 'node:os'
import { callSocket } from '../../harness/raw-http.ts'
import {
  errorResponse,
  startPostgresLookalike,
  startSilentServer,
  type TestServer,
} from '../../harness/servers.ts'
import { type Case, expect, type Stage, soon } from '../case.ts'
import { controlSocket } from '../inits.ts'
import type { Instance } from '../instance.ts'

const { SIGTERM } = constants.signals
const group = 'lifecycle'
const stoppedBeforeTheFlow = 75

export const flowkeepCases: readonly Case[] = [
  {
    group,
    requirement: '§4',
    needs: 'gate',
    name: 'TERM while the gate waits: ended in under a second, the flow never started',
    run: (stage) =>
      soon(async () => {
        const instance = await startGated(stage, 'postgres://u:p@127.0.0.1:1/db')
        await says(instance, '"gate.waiting"')
        return stopUnstarted(instance)
      }),
  },
  {
    group,
    requirement: 'R2.1',
    needs: 'gate',
    name: 'PostgreSQL in its initialisation phase: the flow is not started',
    run: (stage) =>
      staysGated(stage, () =>
        startPostgresLookalike(
          errorResponse({ sqlState: '57P03', message: 'the database system is starting up' }),
        ),
      ),
  },
  {
    group,
    requirement: 'R2.1',
    needs: 'gate',
    name: 'a port that is open and silent: the flow is not started',
    run: (stage) => staysGated(stage, startSilentServer),
  },
  {
    group,
    requirement: '§4',
    needs: 'restart',
    name: 'TERM between two starts: ended in under a second with the last exit code',
    run: (stage) =>
      soon(async () => {
        const environment = {
          CONTAINER_RESTART_POLICY: 'always',
          CONTAINER_RESTART_BACKOFF_MIN: '5m',
          CONTAINER_RESTART_BACKOFF_MAX: '5m',
        }
        const instance = await stage.startShell('say ran; exit 9', { environment })
        await says(instance, '"to":"backoff"')
        const durationMs = await stop(instance, 9)
        expect(instance.records().length === 1, 'the flow was started again')
        return durationMs
      }),
  },
  {
    group,
    requirement: 'R8.2',
    needs: 'restart',
    name: 'a flow that crashes again and again is given up, with its last exit code',
    async run(stage) {
      const environment = {
        CONTAINER_RESTART_POLICY: 'on-failure',
        CONTAINER_RESTART_MAX: '2',
        CONTAINER_RESTART_BACKOFF_MIN: '1ms',
        CONTAINER_RESTART_BACKOFF_MAX: '2ms',
      }
      const instance = await stage.startShell('say ran; exit $((10 + $(wc -l <"$R")))', { environment })
      const code = await instance.ended()
      const starts = instance.records().length
      expect(starts === 3, `started ${starts} times with 2 restarts allowed`)
      expect(code === 13, `13 became ${code}`)
      expectReason(instance, 'crash_loop')
    },
  },
  {
    group,
    requirement: 'R1.5',
    needs: 'reload',
    name: 'TERM while the flow is stopped for new settings: it is not started again',
    async run(stage) {
      const instance = await stage.startShell('trap "say asked" TERM; say up; idle', { graceMs: 600_000 })
      await says(instance, '"to":"running"')
      const { status } = await callSocket(controlSocket(instance.directory), 'POST', '/v1/reload')
      expect(status === 200, `the reload was answered with ${status}`)
      await instance.record('asked')
      instance.signal(SIGTERM)
      await says(instance, '"to":"terminating"')
      await stop(instance, 137)
      expect(
        instance.records().filter((record) => record === 'up').length === 1,
        'the flow was started again',
      )
    },
  },
]

function startGated(stage: Stage, url: string): Promise<Instance> {
  return stage.startShell('say ran', { environment: { CONTAINER_DATABASE_MAIN_URL: url } })
}

async function staysGated(stage: Stage, startServer: () => Promise<TestServer>): Promise<void> {
  const server = await startServer()
  try {
    const instance = await startGated(stage, `postgres://u:p@${server.address}/db?sslmode=disable`)
    await instance.until('it has asked', () => server.accepted > 0)
    await says(instance, '"to":"gating"')
    await stopUnstarted(instance)
  } finally {
    await server.close()
  }
}

async function stopUnstarted(instance: Instance): Promise<number> {
  const durationMs = await stop(instance, stoppedBeforeTheFlow)
  expect(instance.records().length === 0, 'the flow was started')
  return durationMs
}

/** @returns how long it took, in milliseconds */
async function stop(instance: Instance, expected: number): Promise<number> {
  const startedMs = performance.now()
  instance.signal(SIGTERM)
  const code = await instance.ended()
  const durationMs = performance.now() - startedMs
  expect(code === expected, `exit code ${code} instead of ${expected}`)
  expectReason(instance, 'stopped')
  return durationMs
}

function says(instance: Instance, text: string): Promise<void> {
  return instance.until(`it logs ${text}`, () => instance.output('stdout').includes(text))
}

function expectReason(instance: Instance, expected: string): void {
  const last = instance.output('stdout').trimEnd().split('\n').at(-1) ?? ''
  const { reason } = JSON.parse(last) as { reason?: string }
  expect(reason === expected, `the last line says ${reason} instead of ${expected}`)
}
