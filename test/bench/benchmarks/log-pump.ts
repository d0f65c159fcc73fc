import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { writeLines } from '../harness/log-lines.ts'
import { findPeers } from '../harness/peers.ts'
import { freePort } from '../harness/processes.ts'
import { buildReadlinePino, pinoVersion, readlinePino } from '../harness/readline-pino.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
}

/** @param script gets the input's path as $1, and what else it is given behind it */
async function costOf(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Cost> {
  // By a shell: Node's own pipes between processes are sockets.
  const timed = `set -o pipefail; TIMEFORMAT='%U %S'; time { ${script}; }`
  const startedAtMs = performance.now()
  const shell = spawn('bash', ['-c', timed, 'bash', ...args], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise((resolve) => shell.once('exit', resolve))
  let told = ''
  for await (const text of shell.stderr.setEncoding('utf8')) told += text
  if ((await ended) !== 0) throw new Error(`${script}: ${told}`)
  const wallMs = performance.now() - startedAtMs
  const [user, system] = told.trim().split(/\s/).slice(-2).map(Number) as [number, number]
  return { wallMs, cpuMs: (user + system) * 1000 }
}

export const logPump: Benchmark = {
  name: 'log-pump',
  about:
    'lines of 100 bytes, a tenth of them JSON, from a program through a pipe into a file; start-up taken off',
  budgetSeconds: 60,
  async run(site) {
    const many = site.quick ? 1_000_000 : 3_000_000
    // A tenth of the speed gets a tenth of the lines.
    const few = many / 10
    const inputs = new Map(
      [many, few].map((lines) => [lines, writeLines(join(site.directory, `${lines}`), lines)]),
    )
    const empty = writeLines(join(site.directory, 'no-lines'), 0)
    const output = join(site.directory, 'output')
    const { present, absent } = findPeers(['cat', 's6-log'])
    const peerOf = (name: string) => present.filter((peer) => peer.name === name)
    const environment = supervisorEnvironment(site, await freePort())

    const contender = (
      name: string,
      version: string | undefined,
      lines: number,
      script: string,
      args: readonly string[] = [],
    ) => ({
      name,
      version,
      async run() {
        const start = await costOf(script, [empty, output, ...args], environment)
        const input = inputs.get(lines) as string
        const whole = await costOf(script, [input, output, ...args], environment)
        return {
          rate: lines / (whole.wallMs - start.wallMs) / 1_000,
          cpu: ((whole.cpuMs - start.cpuMs) / lines) * 1_000_000,
        }
      },
    })
    const contenders = [
      // Input and output go before the command in $1 and $2; here the program that writes is the flow.
      contender(ours, site.version, many, 'in=$1 out=$2; shift 2; "$@" "$in" > "$out"', ourCommand(site)),
      ...peerOf('cat').map(({ version }) => contender('cat | cat', version, many, 'cat "$1" | cat > "$2"')),
      ...peerOf('s6-log').map(({ name, version }) =>
        contender(name, version, many, 'cat "$1" | s6-log t 1 > "$2"'),
      ),
      contender(readlinePino, pinoVersion(), few, 'cat "$1" | "$3" "$4" > "$2"', [
        site.node,
        await buildReadlinePino(site),
      ]),
    ]
    const series = await runRounds(site, contenders, { rounds: 7 })
    const targets = [
      { peer: 's6-log', limit: 1.2 },
      { peer: readlinePino, limit: 5 },
    ]
    return {
      absent,
      comparisons: [
        comparison({ metric: 'throughput', unit: 'M lines/s', better: 'more', targets }, series('rate')),
        comparison(
          { metric: 'processor time, all processes', unit: 'ns/line', better: 'less' },
          series('cpu'),
        ),
      ],
    }
  },
}

function ourCommand(site: Site): string[] {
  return supervisorCommand(site, ['cat'])
}
