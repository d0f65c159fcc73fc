// A real Prefect server behind a front that fails as told, and supervised flows that run what they are told.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { checkout } from '../../harness/checkout.ts'
import { type Front, startFront } from '../../harness/prefect/front.ts'
import type { PrefectServer } from '../../harness/prefect/server.ts'
import { type Supervised, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

export interface Run {
  readonly id: string
  readonly name: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly state_type: string
  readonly state: { readonly type: string; readonly message: string | null; readonly timestamp: string }
  readonly run_count: number
}

export interface Told extends Supervised {
  /**
   * A run of this name, as soon as the ones before it have ended. Without one the program ends.
   * @param id of a run that the server has already
   */
  run(name?: string, parameters?: Readonly<Record<string, unknown>>, id?: string): void
  /** What a run holds for is there. */
  release(hold: string): void
  health(): Promise<Health>
}

export interface Health {
  readonly status: string
  readonly state: string
  readonly checks: Readonly<Record<string, { readonly status: string; readonly message: string }>>
}

/** What the server has been told of a run. */
export interface ToldOfRuns {
  /** The types of its states, in their order. */
  states(run: Run): Promise<string[]>
  logs(run: Run): Promise<string[]>
  /** Names and states; what Prefect makes up in a name is a star. */
  tasks(run: Run): Promise<[name: string, state: string][]>
  subflow(run: Run): Promise<Run>
  artifacts(run: Run): Promise<string[]>
  /** The events that keep the real time of its states. */
  moments(run: Run): Promise<{ readonly event: string; readonly occurredMs: number }[]>
}

export interface Stage {
  readonly front: Front
  /**
   * @param environment beside what names the server
   * @param options of the program that runs what it is told
   */
  start(t: Test, environment?: Readonly<Record<string, string>>, options?: readonly string[]): Promise<Told>
  /** A container in which no flow of Prefect runs. */
  startIdle(t: Test, environment: Readonly<Record<string, string>>): Promise<Told>
  /** Asks the server itself, past the front. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>
  readonly told: ToldOfRuns
  /** The one run of this name, once it is in this state and nothing waits to be told. */
  settled(flow: Told, name: string, state: string): Promise<Run>
}

export async function setStage(
  t: Test,
  { python, server, auth }: { python: string; server: PrefectServer; auth?: string },
): Promise<Stage> {
  const front = await startFront(server.port)
  t.teardown(() => front.close())
  const headers = {
    'content-type': 'application/json',
    ...(auth && { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
  }

  async function start(
    t: Test,
    environment: Readonly<Record<string, string>> = {},
    options: readonly string[] = [],
  ): Promise<Told> {
    const directory = runsDirectory(t)
    const program = [python, '-B', `${checkout}/test/fixtures/flows/prefect_runs.py`, directory, ...options]
    const told = await startIn(t, directory, environment, program)
    await told.line('ready')
    return told
  }

  async function startIdle(t: Test, environment: Readonly<Record<string, string>>): Promise<Told> {
    const told = await startIn(t, runsDirectory(t), environment, ['sleep', '1000'])
    await told.record(({ event, ['to']: to }) => event === 'state.changed' && to === 'running')
    return told
  }

  async function startIn(
    t: Test,
    directory: string,
    environment: Readonly<Record<string, string>>,
    command: readonly string[],
  ): Promise<Told> {
    const supervised = await startSupervised(t, {
      command,
      environment: {
        HOME: directory,
        PREFECT_HOME: directory,
        PREFECT_API_URL: front.url,
        ...(auth && { PREFECT_API_AUTH_STRING: auth }),
        DO_NOT_TRACK: '1',
        PYTHONPATH: `${checkout}/images/python`,
        // What a server that says nothing costs a flow, at most; Prefect's own default is a minute.
        PREFECT_API_REQUEST_TIMEOUT: '3',
        CONTAINER_SERVICE_PREFECT_TIMEOUT: '3s',
        CONTAINER_HEALTH_INTERVAL: '500ms',
        ...environment,
      },
    })
    let count = 0
    const put = (file: string, content: string) => {
      writeFileSync(join(directory, `${file}.new`), content)
      renameSync(join(directory, `${file}.new`), join(directory, file))
    }
    return {
      ...supervised,
      run: (name, parameters, id) =>
        put(`${count++}.json`, JSON.stringify(name === undefined ? null : { name, parameters, id })),
      release: (hold) => put(hold, ''),
      health: async () => JSON.parse((await supervised.get('/health')).body) as Health,
    }
  }

  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  const runs = (filter: unknown) => ask<Run[]>('POST', '/flow_runs/filter', { flow_runs: filter })
  const ofRun = (run: Run) => ({ flow_run_id: { any_: [run.id] } })

  const told: ToldOfRuns = {
    async states({ id }) {
      const states = await ask<Run['state'][]>('GET', `/flow_run_states/?flow_run_id=${id}`)
      return states.sort((a, b) => a.timestamp.localeCompare(b.timestamp)).map(({ type }) => type)
    },
    async logs(run) {
      const logs = await ask<{ message: string }[]>('POST', '/logs/filter', {
        logs: ofRun(run),
        sort: 'TIMESTAMP_ASC',
      })
      return logs.map(({ message }) => message)
    },
    async tasks(run) {
      const tasks = await ask<Run[]>('POST', '/task_runs/filter', { task_runs: ofRun(run) })
      return tasks
        .map(({ name, state_type }): [string, string] => [name.replace(/-[0-9a-f]{3}$/, '-*'), state_type])
        .sort()
    },
    async subflow(run) {
      const found = await runs({ parent_flow_run_id: { any_: [run.id] } })
      if (found.length !== 1) throw new Error(`${found.length} subflows`)
      return found[0] as Run
    },
    async artifacts(run) {
      const artifacts = await ask<{ data: string }[]>('POST', '/artifacts/filter', { artifacts: ofRun(run) })
      return artifacts.map(({ data }) => data)
    },
    async moments({ id }) {
      const { events } = await ask<{ events: { event: string; occurred: string }[] }>(
        'POST',
        '/events/filter',
        {
          filter: {
            event: { prefix: ['flowkeep.flow-run.'] },
            resource: { id: [`prefect.flow-run.${id}`] },
            order: 'ASC',
          },
        },
      )
      return events.map(({ event, occurred }) => ({ event, occurredMs: Date.parse(occurred) }))
    },
  }

  async function settled(flow: Told, name: string, state: string): Promise<Run> {
    await until(
      'the queue is empty',
      async () => (await flow.health()).checks['queue'],
      (check) => /^empty/.test(check?.message ?? ''),
    )
    const dead = flow.records.filter(({ event }) => event === 'operation.dead')
    if (dead.length > 0) throw new Error(`dead letters: ${JSON.stringify(dead)}`)
    const found = await until(
      `${name} is ${state}`,
      () => runs({ name: { any_: [name] } }),
      (answer) => answer.some(({ state_type }) => state_type === state),
    )
    if (found.length !== 1) throw new Error(`${found.length} runs are named ${name}`)
    return found[0] as Run
  }

  return { front, start, startIdle, ask, told, settled }
}

function runsDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'fk-runs-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
