// Much ordinary work for one supervisor: operations that are applied, and lines of log, with samples and checks going on
// beside them. Nothing may be lost or done twice, and memory must stay flat: what is used at the end is what was used in
// the middle.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeFlags } from '../../images/node-flags.ts'
import { firstOf, freePort, residentMb, start } from '../bench/harness/processes.ts'
import { startPostgres } from '../harness/postgres.ts'

export interface SoakOptions {
  readonly program: string
  readonly operations: number
  readonly lines: number
  say(line: string): void
}

export interface SoakReport {
  readonly seconds: number
  readonly operations: number
  /** Not exactly once in the table. */
  readonly lost: number
  readonly doubled: number
  readonly lines: number
  readonly linesMissing: number
  /** Medians of resident memory, in MB. */
  readonly middleMb: number
  readonly endMb: number
  readonly mostMb: number
  /** End ÷ middle. */
  readonly growth: number
  readonly openFiles: { readonly begin: number; readonly end: number }
}

const lanes = 16
const submitters = 4
const operationsAtOnce = 200
/** So many pieces of output, with pauses between them. */
const pieces = 50

export async function soak({ program, operations, lines, say }: SoakOptions): Promise<SoakReport> {
  const directory = mkdtempSync(join(tmpdir(), 'fk-soak-'))
  const server = await startPostgres({ user: 'rpa' })
  const port = await freePort()
  const socketPath = join(directory, 'run', 'control.sock')
  const database = server.url()
  await server.query('create table effects (n int)')
  const environment = {
    CONTAINER_FLOW_NAME: 'soak',
    CONTAINER_HTTP_HOST: '127.0.0.1',
    CONTAINER_HTTP_PORT: String(port),
    CONTAINER_CONTROL_SOCKET: socketPath,
    CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
    CONTAINER_SECURITY_ENFORCE: 'off',
    CONTAINER_DATABASE_RPA_DB_URL: database,
    CONTAINER_HEALTH_INTERVAL: '1s',
    CONTAINER_PERFORMANCE_INTERVAL: '1s',
  }
  const node = [process.execPath, ...nodeFlags, program]
  const migrated = start({ command: [...node, 'migrate'], environment })
  if ((await migrated.ended) !== 0) throw new Error('flowkeep migrate failed')
  const each = Math.ceil(lines / pieces)
  const flow = `i=0; while [ $i -lt ${pieces} ]; do seq 1 ${each}; i=$((i+1)); sleep 0.2; done; exec sleep 86400`
  const running = start({
    command: [...node, 'run', '--', 'sh', '-c', flow],
    environment,
    asPid1: true,
    stdout: 'pipe',
  })
  const agent = new Agent({ keepAlive: true, maxSockets: submitters + 1 })
  try {
    const output = createLineCounter()
    running.child.stdout?.on('data', (chunk: Buffer) => output.add(chunk))
    const pid = await firstOf(running)
    while (
      (await ask({ host: '127.0.0.1', port, path: '/readyz', agent: false }).catch(() => undefined))
        ?.status !== 200
    )
      await sleep(50)
    const startedMs = performance.now()
    const memory: number[] = []
    const filesAtFirst = openFiles(pid)
    let over = false
    const watched = (async () => {
      while (!over) {
        memory.push(residentMb(pid))
        await sleep(250)
      }
    })()
    let next = 0
    const submitAll = async () => {
      while (next < operations) {
        const from = next
        next = Math.min(operations, next + operationsAtOnce)
        const batch = Array.from({ length: next - from }, (_, index) => ({
          ...{ target: 'rpa_db', key: String((from + index) % lanes) },
          ...{ sql: 'insert into public.effects values ($1)', params: [from + index] },
        }))
        const { status } = await ask(
          { socketPath, path: '/v1/operations', method: 'POST', agent },
          JSON.stringify(batch),
        )
        if (status !== 200 && status !== 202) throw new Error(`a submission was answered with ${status}`)
        if (from % Math.ceil(operations / 10) < operationsAtOnce)
          say(`${from} operations, ${output.lines} lines`)
      }
    }
    await Promise.all(Array.from({ length: submitters }, submitAll))
    const counted = async () => {
      const { rows } = await server.query(
        'select count(*)::int as all, count(distinct n)::int as known from effects',
      )
      return rows[0] as { all: number; known: number }
    }
    const total = each * pieces
    const linesLogged = async () => {
      const { body } = await ask({ host: '127.0.0.1', port, path: '/metrics', agent: false })
      return Number(/^flowkeep_log_lines_total\{stream="stdout"\} (\d+)$/m.exec(body)?.[1] ?? 0)
    }
    // Operations that were queued, and the flow's last lines, are still on their way.
    for (let idle = 0, before = ''; idle < 60; ) {
      const { known } = await counted()
      const logged = await linesLogged()
      if (known === operations && logged === total && output.lines >= total) break
      const now = `${known} ${logged} ${output.lines}`
      idle = now === before ? idle + 1 : 0
      before = now
      await sleep(500)
    }
    over = true
    await watched
    const { all, known } = await counted()
    const third = Math.floor(memory.length / 3)
    const middleMb = median(memory.slice(third, 2 * third))
    const endMb = median(memory.slice(-third))
    return {
      seconds: (performance.now() - startedMs) / 1000,
      operations,
      lost: operations - known,
      doubled: all - known,
      lines: total,
      linesMissing: total - Math.min(await linesLogged(), output.lines),
      middleMb,
      endMb,
      mostMb: Math.max(...memory),
      growth: endMb / middleMb,
      openFiles: { begin: filesAtFirst, end: openFiles(pid) },
    }
  } finally {
    agent.destroy()
    await running.kill()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Whole lines of the flow's, wherever the chunks end. */
function createLineCounter(): { add(chunk: Buffer): void; readonly lines: number } {
  const mark = Buffer.from('"component":"flow"')
  let rest: Buffer = Buffer.alloc(0)
  let lines = 0
  return {
    add(chunk) {
      const text = Buffer.concat([rest, chunk])
      const end = text.lastIndexOf(10) + 1
      rest = text.subarray(end)
      const whole = text.subarray(0, end)
      for (let at = whole.indexOf(mark); at !== -1; at = whole.indexOf(mark, at + mark.length)) lines++
    },
    get lines() {
      return lines
    },
  }
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function ask(options: RequestOptions, body?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const call = request({ ...options, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
    })
    call.once('error', reject)
    call.end(body)
  })
}
