// Throughput of the log pump against readline + pino and, where it is installed, s6-log: lines of 100 bytes, a tenth
// of them JSON, from a pipe into a file. Best of three rounds each, the start of the program taken off. Targets:
// ≥ 5 × readline + pino, ≥ 1.2 × s6-log; exit 1 below them.
//   node test/bench/log-pump.ts [lines, default 2000000]

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../supervisor/core/clock.ts'

const rounds = 3
const self = fileURLToPath(import.meta.url)

interface Contender {
  readonly name: string
  readonly command: readonly string[]
}

async function compare(lines: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-bench-'))
  try {
    const input = writeInput(join(directory, 'input'), lines)
    const empty = writeInput(join(directory, 'empty'), 0)
    const output = join(directory, 'output')
    const contenders = contendersHere()
    const best = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      for (const { name, command } of contenders) {
        const startMs = await runMs(command, empty, output)
        const ms = (await runMs(command, input, output)) - startMs
        best.set(name, Math.min(ms, best.get(name) ?? Number.POSITIVE_INFINITY))
      }
    }
    report(best, lines)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function contendersHere(): Contender[] {
  const node = process.execPath
  const hasS6 = spawnSync('s6-log', [], { stdio: 'ignore' }).error === undefined
  return [
    { name: 'cat', command: ['cat'] },
    ...(hasS6 ? [{ name: 's6-log', command: ['s6-log', 't', '1'] }] : []),
    { name: 'readline + pino', command: [node, self, 'readline'] },
    { name: 'pump', command: [node, self, 'pump'] },
  ]
}

function writeInput(path: string, lines: number): string {
  const text =
    '2025-03-04 12:00:00 worker 17 processed record 123456 of batch 42 in 13 ms with result ok, none left\n'
  const json =
    '{"time":"2025-03-04T12:00:00.123Z","level":"info","message":"processed record 123456","batch":42}\n'
  const ten = Buffer.from(text.repeat(9) + json)
  const file = openSync(path, 'w')
  for (let written = 0; written < lines; written += 1000) writeSync(file, Buffer.concat(Array(100).fill(ten)))
  closeSync(file)
  return path
}

/** Time of `cat input | command > output`: by a shell, since Node's own pipes between processes are sockets. */
async function runMs(command: readonly string[], input: string, output: string): Promise<number> {
  const script = 'set -o pipefail; in=$1 out=$2; shift 2; cat "$in" | "$@" > "$out"'
  const startedMs = systemClock.monotonicMs()
  const shell = spawn('bash', ['-c', script, 'bash', input, output, ...command], { stdio: 'inherit' })
  const code = await new Promise((resolve) => shell.once('exit', resolve))
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  return systemClock.monotonicMs() - startedMs
}

function report(best: ReadonlyMap<string, number>, lines: number): void {
  const pumpMs = best.get('pump') as number
  for (const [name, ms] of best) {
    const rate = (lines / ms / 1000).toFixed(2)
    console.log(
      `${name.padEnd(16)} ${ms.toFixed(0).padStart(6)} ms  ${rate.padStart(6)} M lines/s  pump is ${(ms / pumpMs).toFixed(2)} ×`,
    )
  }
  const targets: [string, number][] = [
    ['readline + pino', 5],
    ['s6-log', 1.2],
  ]
  for (const [name, least] of targets) {
    const ms = best.get(name)
    if (ms !== undefined && ms / pumpMs < least) {
      console.log(`below the target: ${least} × ${name}`)
      process.exitCode = 1
    }
  }
}

async function pumpStdin(): Promise<void> {
  const { createLogSink } = await import('../../supervisor/logs/sink.ts')
  const { createFlowPump } = await import('../../supervisor/logs/pump.ts')
  const sink = createLogSink({ fd: 1, clock: systemClock })
  const pump = createFlowPump({
    sink,
    clock: systemClock,
    stream: 'stdout',
    service: 'flow1',
    instance: 'abcdef012345',
    counted: () => {},
  })
  const input = new Socket({
    fd: 0,
    readable: true,
    writable: false,
    onread: {
      buffer: Buffer.allocUnsafeSlow(64 * 1024),
      callback: (length, buffer) => pump.push((buffer as Buffer).subarray(0, length)),
    },
  })
  sink.onRoom(() => input.resume())
  input.resume()
  input.once('end', () => {
    pump.end()
    void sink.flush(60_000)
  })
}

async function readlineStdin(): Promise<void> {
  const { pino } = await import('pino')
  const log = pino({
    base: { service: 'flow1', instance: 'abcdef012345', component: 'flow' },
    messageKey: 'message',
  })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.startsWith('{')) {
      const { message, level: _level, time: _time, ...fields } = JSON.parse(line)
      log.info(fields, message)
    } else {
      log.info(line)
    }
  }
}

const [mode = '2000000'] = process.argv.slice(2)
if (mode === 'pump') await pumpStdin()
else if (mode === 'readline') await readlineStdin()
else await compare(Number(mode))
