// Makes `program.cache`: the byte code of program.cjs, with every function that a start, a probe, a scrape, a
// forwarded signal and a stop run. V8 keeps what has been compiled when it is asked, so all of that is done once,
// with a flow that sleeps. supervisor/load-program.ts uses it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from './node-flags.ts'

const keeper = fileURLToPath(new URL('base/keep-byte-code.cjs', import.meta.url))
/** Stays long enough after SIGTERM to be stopped while it is looked at. */
const flow = ['sh', '-c', 'trap "sleep 1; exit 0" TERM; trap : HUP; while :; do sleep 0.1; done']
const paths = ['/health', '/livez', '/readyz', '/startupz', '/metrics', '/absent']
const timeoutMs = 30_000

/**
 * @param directory holds flowkeep.cjs and program.cjs; program.cache is written there
 * @throws Error with what the program said, when it does not start or end as it should
 */
export async function compile(directory: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'flowkeep-compile-'))
  const port = await freePort()
  const program = spawn(
    process.execPath,
    [...nodeFlags, '--require', keeper, join(directory, 'flowkeep.cjs'), 'run', '--', ...flow],
    {
      env: {
        PATH: process.env['PATH'],
        CONTAINER_FLOW_NAME: 'compile',
        CONTAINER_HTTP_HOST: '127.0.0.1',
        CONTAINER_HTTP_PORT: String(port),
        CONTAINER_CONTROL_SOCKET: join(scratch, 'control.sock'),
        CONTAINER_STATE_DIRECTORY: join(scratch, 'state'),
        CONTAINER_FLOW_READY_AFTER: '10ms',
        // Nobody is there, and nobody is waited for; but the driver has been loaded.
        CONTAINER_DATABASE_ABSENT_URL: 'postgresql://nobody:nothing@127.0.0.1:1/nothing',
        CONTAINER_DATABASE_ABSENT_REQUIRED: 'false',
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    },
  )
  const exited = once(program, 'exit')
  const log = readLog(program)
  try {
    await log.says('"to":"running"')
    for (const path of paths) await get(port, path)
    program.kill('SIGHUP')
    program.kill('SIGTERM')
    await log.says('"to":"terminating"')
    const kept = once(program, 'message')
    const unfinished = join(directory, `program.cache.${process.pid}`)
    program.send(unfinished)
    await Promise.race([kept, exited.then(([code]) => Promise.reject(new Error(`it ended with ${code}`)))])
    renameSync(unfinished, join(directory, 'program.cache'))
    await exited
  } catch (error) {
    throw new Error(`cannot compile ${directory}/program.cjs: ${error}\n${log.text()}`)
  } finally {
    program.kill('SIGKILL')
    rmSync(scratch, { recursive: true, force: true })
  }
}

function readLog({ stdout }: ChildProcess) {
  const lines: string[] = []
  let ended = false
  let look = () => {}
  const reader = createInterface({ input: stdout as NodeJS.ReadableStream })
  reader.on('line', (line) => {
    lines.push(line)
    look()
  })
  reader.on('close', () => {
    ended = true
    look()
  })
  return {
    text: () => lines.join('\n'),
    says: (words: string) =>
      new Promise<void>((resolve, reject) => {
        look = () => {
          if (lines.some((line) => line.includes(words))) resolve()
          else if (ended) reject(new Error(`it ended without ${words}`))
        }
        look()
      }),
  }
}

function get(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume().once('end', resolve)
    })
    call.once('error', reject).end()
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

if (import.meta.main) {
  await compile(process.argv[2] ?? 'dist').catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
