import type { Test } from 'tap'
import type { StatusReport } from '../../../supervisor/core/status.ts'
import { type ControlHttp, type ControlParts, openControlHttp } from '../../../supervisor/http/control.ts'
import { createFakeQueue } from '../../harness/fake-queue.ts'
import { callSocket, type SocketAnswer } from '../../harness/raw-http.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { healthy, quiet } from './public-fixture.ts'

export const status: StatusReport = {
  health: healthy,
  environment: 'test',
  startedAt: '2030-01-01T00:00:00.000Z',
  uptimeMs: 1,
  process: { pid: 7, ready: true, generation: 1, restarts: 0, startedAt: null, lastExit: null },
  resources: {
    memoryBytes: null,
    memoryLimitBytes: null,
    cpuSeconds: null,
    cpuThrottledSeconds: null,
    oomKills: null,
    pids: null,
  },
  queue: null,
  records: null,
  alerts: null,
  log: { lines: 0, dropped: 0 },
}

export interface OpenControl {
  readonly path: string
  readonly control: ControlHttp
  /** A body that is no text is sent as JSON. */
  call(method: string, path: string, body?: unknown): Promise<SocketAnswer>
}

export async function openControl(t: Test, parts: Partial<ControlParts> = {}): Promise<OpenControl> {
  const path = parts.path ?? `${shortDirectory(t)}/run/control.sock`
  const control = await openControlHttp({
    path,
    owner: undefined,
    logger: quiet,
    status: () => status,
    ready: () => 'running',
    reload: () => 'reloading',
    drain: () => 'draining',
    operations: createFakeQueue(),
    ...parts,
  })
  t.teardown(() => control.close())
  return {
    path,
    control,
    call(method, target, body) {
      if (body === undefined) return callSocket(path, method, target)
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return callSocket(path, method, target, text, { 'content-type': 'application/json' })
    },
  }
}
