// One container, as far as Flowkeep is concerned: a supervisor that is PID 1 of its namespace, with a flow of writers and
// a state directory. It can die in any way and be started again.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { OperationView } from '../../../supervisor/core/queue.ts'
import type { StatusReport } from '../../../supervisor/core/status.ts'
import type { LogRecord } from '../../harness/log-records.ts'
import { noNamespace, type Supervised, startSupervised } from '../../harness/supervised.ts'

export interface MemberOptions {
  readonly name: string
  /** Of the whole run; also the working directory of all its processes. */
  readonly directory: string
  readonly program: string
  readonly stateDirectory: string
  /** Others have it, too: a restart may find another slot in it. */
  readonly sharesState: boolean
  readonly databaseUrl: string
  readonly launcher: readonly string[]
  readonly seed: number
  readonly writers: number
}

const flow = fileURLToPath(new URL('flow/main.ts', import.meta.url))
const askMs = 5_000

export class Member {
  readonly options: MemberOptions
  #incarnation = 0
  #supervised: Supervised | undefined
  #cleanUps: (() => unknown)[] = []

  constructor(options: MemberOptions) {
    this.options = options
    this.setDatabaseUrl(options.databaseUrl)
  }

  get name(): string {
    return this.options.name
  }

  get runs(): boolean {
    return this.#supervised !== undefined
  }

  get supervised(): Supervised {
    if (!this.#supervised) throw new Error(`${this.name} does not run`)
    return this.#supervised
  }

  /** Order is promised within a slot. In a directory of its own a supervisor finds its slot again. */
  get slot(): string {
    return this.options.sharesState ? `${this.name}-${this.#incarnation}` : this.name
  }

  /** As a mounted secret changes: whole, at once. */
  setDatabaseUrl(url: string): void {
    const path = this.#urlFile
    writeFileSync(`${path}.new`, url, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  get #urlFile(): string {
    return join(this.options.directory, `${this.name}.url`)
  }

  /** Environment of a command that looks at the state directory, not at the supervisor. */
  get environment(): Record<string, string> {
    return {
      CONTAINER_FLOW_NAME: 'chaos',
      CONTAINER_STATE_DIRECTORY: this.options.stateDirectory,
      CONTAINER_DATABASE_RPA_DB_URL_FILE: this.#urlFile,
      CONTAINER_DATABASE_RPA_DB_REQUIRED: 'false',
      CONTAINER_DATABASE_RPA_DB_CONNECT_TIMEOUT: '2s',
    }
  }

  /** Resolves when the flow runs. */
  async start(): Promise<void> {
    const { directory, launcher, program, seed, writers } = this.options
    this.#incarnation++
    const supervised = await startSupervised(
      { teardown: (cleanUp) => void this.#cleanUps.push(cleanUp) },
      {
        ...{ program, launcher, directory, asPid1: noNamespace === false },
        command: [process.execPath, '--disable-warning=ExperimentalWarning', flow],
        environment: {
          ...this.environment,
          CONTAINER_INSTANCE_ID: `${this.name}-${this.#incarnation}`,
          CONTAINER_HEALTH_INTERVAL: '500ms',
          CONTAINER_HEALTH_TIMEOUT: '2s',
          CONTAINER_RESTART_POLICY: 'always',
          CONTAINER_RESTART_MAX: '1000',
          CONTAINER_RESTART_BACKOFF_MIN: '10ms',
          CONTAINER_RESTART_BACKOFF_MAX: '100ms',
          CHAOS_DIRECTORY: directory,
          CHAOS_SLOT: this.slot,
          CHAOS_SEED: String(seed + this.#incarnation),
          CHAOS_WRITERS: String(writers),
        },
      },
    )
    this.#supervised = supervised
    await supervised.record(isRunning)
  }

  /** Waits for the end of a supervisor that was told to end, or killed. */
  async gone(): Promise<LogRecord | undefined> {
    const { exit } = await this.supervised.exited
    await this.#cleanUp()
    return exit
  }

  async kill(): Promise<void> {
    this.supervised.signal('SIGKILL')
    await this.gone()
  }

  /** Whatever state it is in. */
  async end(): Promise<void> {
    await this.#cleanUp()
  }

  async #cleanUp(): Promise<void> {
    if (this.#supervised) {
      const lines = this.#supervised.records.map((record) => `${JSON.stringify(record)}\n`)
      writeFileSync(join(this.options.directory, `${this.name}-${this.#incarnation}.log`), lines.join(''))
    }
    this.#supervised = undefined
    for (const cleanUp of this.#cleanUps.splice(0)) await cleanUp()
  }

  /** The flow's process, as this side of the namespace sees it. */
  flowPid(): number | undefined {
    const { pid } = this.supervised
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    return children.filter(Boolean).map(Number).find(isFlow)
  }

  async status(): Promise<StatusReport> {
    return JSON.parse(await this.#ask('/v1/status'))
  }

  async deadLetters(): Promise<OperationView[]> {
    const letters: OperationView[] = []
    for (let after = ''; ; ) {
      const page = JSON.parse(await this.#ask(`/v1/operations?state=dead&limit=1000${after}`))
      letters.push(...page.operations)
      if (page.next === undefined) return letters
      after = `&after=${encodeURIComponent(page.next)}`
    }
  }

  async show(id: string): Promise<OperationView> {
    return JSON.parse(await this.#ask(`/v1/operations/${encodeURIComponent(id)}`))
  }

  #ask(path: string): Promise<string> {
    const { socketPath } = this.supervised
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath, path, agent: false, signal: AbortSignal.timeout(askMs) },
        (response) => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            body += chunk
          })
          response.once('error', reject)
          response.once('end', () => {
            if (response.statusCode === 200) resolve(body)
            else reject(new Error(`${this.name} answers ${path} with ${response.statusCode}: ${body}`))
          })
        },
      )
      call.once('error', (error) =>
        reject(new Error(`${this.name} does not answer ${path}: ${error.message}`)),
      )
      call.end()
    })
  }
}

export function isRunning(record: LogRecord): boolean {
  return record.event === 'state.changed' && record['to'] === 'running'
}

function isFlow(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(flow)
  } catch {
    return false
  }
}
