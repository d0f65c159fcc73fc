// Measures Flowkeep beside its peers on this machine. Not a test: nothing fails, the report says which targets are met.
//   npm run bench -- [--quick] [--json FILE] [NAME…]

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { bundleSupervisor } from '../../images/bundle.ts'
import { compile } from '../../images/compile.ts'
import { checkout } from '../harness/checkout.ts'
import { blockedStdout } from './benchmarks/blocked-stdout.ts'
import { boot } from './benchmarks/boot.ts'
import { dockerRun } from './benchmarks/docker-run.ts'
import { drainBenchmark } from './benchmarks/drain.ts'
import { enqueue } from './benchmarks/enqueue.ts'
import { gate } from './benchmarks/gate.ts'
import { health } from './benchmarks/health.ts'
import { idle } from './benchmarks/idle.ts'
import { idleDocker } from './benchmarks/idle-docker.ts'
import { loaded } from './benchmarks/loaded.ts'
import { logDocker } from './benchmarks/log-docker.ts'
import { logPump } from './benchmarks/log-pump.ts'
import { monitoring } from './benchmarks/monitoring.ts'
import { orphans } from './benchmarks/orphans.ts'
import { prefectBenchmark } from './benchmarks/prefect.ts'
import { recordsBenchmark } from './benchmarks/records.ts'
import { scrape } from './benchmarks/scrape.ts'
import { signals } from './benchmarks/signals.ts'
import { slowClients } from './benchmarks/slow-clients.ts'
import { submissions } from './benchmarks/submit.ts'
import type { Benchmark, Site } from './harness/benchmark.ts'
import { jsonOf, type Measured, textOf, verdicts } from './harness/report.ts'

const benchmarks: readonly Benchmark[] = [
  ...[boot, loaded, idle, idleDocker, monitoring, orphans, signals, logPump, logDocker],
  ...[
    blockedStdout,
    health,
    scrape,
    slowClients,
    dockerRun,
    gate,
    enqueue,
    submissions,
    drainBenchmark,
    recordsBenchmark,
    prefectBenchmark,
  ],
]

const usage = `npm run bench -- [--quick] [--json FILE] [NAME…]

  --quick      fewer rounds and less data: about a third of the time
  --json FILE  writes every figure into FILE

${benchmarks.map(({ name, about }) => `  ${name.padEnd(15)} ${about}`).join('\n')}
`
/** All benchmarks together. */
const budgetSeconds = 660

async function main(args: readonly string[]): Promise<void> {
  const { values: options, positionals: names } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  const unknown = names.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (options.help || unknown.length > 0) {
    if (unknown.length > 0) console.error(`no such benchmark: ${unknown.join(', ')}\n`)
    console.log(usage)
    process.exitCode = unknown.length > 0 ? 64 : 0
    return
  }
  const wanted = benchmarks.filter(({ name }) => names.length === 0 || names.includes(name))
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-bench-'))
  try {
    const program = await build(join(directory, 'program'), version)
    const machine = machineHere()
    console.log(
      `Flowkeep ${version}, Node.js ${process.version}, ${machine.cpus} × ${machine.model}, Linux ${machine.kernel}`,
    )
    console.log('Medians ± median absolute deviations; ratios are medians of the ratios within each round.\n')
    const site = { program, version, directory, node: process.execPath, quick: options.quick === true }
    const measured = await measureAll(wanted, site)
    console.log(summary(measured))
    if (options.json !== undefined) {
      const report = {
        version,
        node: process.version,
        machine,
        quick: site.quick,
        benchmarks: measured.map(jsonOf),
      }
      writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What the image ships, made anew. */
async function build(directory: string, version: string): Promise<string> {
  const program = await bundleSupervisor(checkout, directory, version)
  await compile(directory)
  return program
}

async function measureAll(wanted: readonly Benchmark[], site: Omit<Site, 'leftMs'>): Promise<Measured[]> {
  const measured: Measured[] = []
  const endsAtMs = performance.now() + budgetSeconds * 1_000
  for (const benchmark of wanted) {
    const startedAtMs = performance.now()
    const before = loadavg()[0] as number
    const share = site.quick ? benchmark.budgetSeconds / 3 : benchmark.budgetSeconds
    const stopsAtMs = Math.min(endsAtMs, startedAtMs + share * 1_000)
    const findings = await benchmark.run({ ...site, leftMs: () => stopsAtMs - performance.now() })
    const seconds = (performance.now() - startedAtMs) / 1_000
    const one: Measured = { benchmark, findings, seconds, load: [before, loadavg()[0] as number] }
    console.log(textOf(one))
    measured.push(one)
  }
  return measured
}

function machineHere() {
  const processors = cpus()
  return {
    cpus: processors.length,
    model: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    kernel: release(),
  }
}

function summary(measured: readonly Measured[]): string {
  const all = measured.flatMap(({ benchmark, findings }) =>
    findings.comparisons.flatMap((compared) =>
      verdicts(compared).map((verdict) => ({ name: `${benchmark.name}: ${compared.metric}`, verdict })),
    ),
  )
  const missed = all.filter(({ verdict }) => !verdict.met)
  const met = `${all.length - missed.length} of ${all.length} targets met`
  return [
    met,
    ...missed.map(
      ({ name, verdict }) => `  missed: ${name}, against ${verdict.target.peer ?? 'a fixed limit'}`,
    ),
  ].join('\n')
}

await main(process.argv.slice(2))
