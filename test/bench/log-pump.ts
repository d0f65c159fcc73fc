// Throughput of the log pump against readline + pino and, where it is installed, s6-log: lines of 100 bytes, a tenth
// of them JSON, from a pipe into a file. Best of three rounds each, the start of the program taken off. Targets:
// ≥ 5 × readline + pino, ≥ 1.2 × s6-log; exit 1 below them.
//   node test/bench/log-pump.ts [lines, default 4000000]

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../supervisor/core/clock.ts'

const rounds = 3
/** How many times as fast as each of them the pump has to be. */
const targets = new Map([
  ['readline + pino', 5],
  ['s6-log', 1.2],
])
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
    const best = new Map<string, Cost>()
    for (let round = 0; round < rounds; round++) {
      for (const { name, command } of contenders) {
        best.set(`${name} start`, lesser(best.get(`${name} start`), await costOf(command, empty, output)))
        best.set(name, lesser(best.get(name), await costOf(command, input, output)))
      }
    }
    report(
      contenders.map(({ name }) => ({
        name,
        cost: without(best.get(name) as Cost, best.get(`${name} start`) as Cost),
      })),
      lines,
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** What a run took; the processor time is steadier where other work is going on. */
interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
}

function lesser(one: Cost | undefined, other: Cost): Cost {
  if (!one) return other
  return { wallMs: Math.min(one.wallMs, other.wallMs), cpuMs: Math.min(one.cpuMs, other.cpuMs) }
}

function without(whole: Cost, start: Cost): Cost {
  return { wallMs: whole.wallMs - start.wallMs, cpuMs: whole.cpuMs - start.cpuMs }
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

/** Runs `cat input | command > output`, by a shell: Node's own pipes between processes are sockets. */
async function costOf(command: readonly string[], input: string, output: string): Promise<Cost> {
  const script =
    'set -o pipefail; in=$1 out=$2; shift 2; TIMEFORMAT=\'%U %S\'; cat "$in" | { time "$@" > "$out"; }'
  const startedMs = systemClock.monotonicMs()
  const shell = spawn('bash', ['-c', script, 'bash', input, output, ...command], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const ended = new Promise((resolve) => shell.once('exit', resolve))
  let told = ''
  for await (const text of shell.stderr.setEncoding('utf8')) told += text
  if ((await ended) !== 0) throw new Error(`${command.join(' ')}: ${told}`)
  const wallMs = systemClock.monotonicMs() - startedMs
  const [user, system] = told.trim().split(' ').slice(-2).map(Number) as [number, number]
  return { wallMs, cpuMs: (user + system) * 1000 }
}

function report(results: readonly { name: string; cost: Cost }[], lines: number): void {
  const pump = results.find(({ name }) => name === 'pump')?.cost as Cost
  console.log('                 wall ms  M lines/s   CPU ms   pump by wall and by CPU')
  for (const { name, cost } of results) {
    const { wallMs, cpuMs } = cost
    const columns = [
      name.padEnd(16),
      wallMs.toFixed(0).padStart(7),
      (lines / wallMs / 1000).toFixed(2).padStart(10),
      cpuMs.toFixed(0).padStart(8),
      `${(wallMs / pump.wallMs).toFixed(2)} ×`.padStart(9),
      `${(cpuMs / pump.cpuMs).toFixed(2)} ×`.padStart(9),
    ]
    console.log(columns.join(' '))
    const least = targets.get(name)
    if (least !== undefined && wallMs / pump.wallMs < least) {
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

const [mode = '4000000'] = process.argv.slice(2)
if (mode === 'pump') await pumpStdin()
else if (mode === 'readline') await readlineStdin()
else await compare(Number(mode))
