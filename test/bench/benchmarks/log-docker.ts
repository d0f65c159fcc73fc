import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { prepareEngine } from '../../harness/container.ts'
import { docker } from '../../harness/docker.ts'
import { ownLabels } from '../../harness/docker-owner.ts'
import { baseImage } from '../../harness/images.ts'
import { type Benchmark, ours } from '../harness/benchmark.ts'
import { dockerSays, engineProblem } from '../harness/engine.ts'
import { writeLines } from '../harness/log-lines.ts'
import { buildReadlinePino, pinoVersion, readlinePino } from '../harness/readline-pino.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

/** Arguments of `docker run` behind its own options; `/input` is what to read. */
type ContainerArguments = readonly string[]

async function wallMsOf(
  input: string,
  options: readonly string[],
  container: ContainerArguments,
): Promise<number> {
  const labels = Object.entries(ownLabels).map(([name, value]) => `--label=${name}=${value}`)
  const mount = `--mount=type=bind,"source=${input}",target=/input,readonly`
  const startedAtMs = performance.now()
  const id = await docker([
    ...['run', '--detach', '--init=false', '--pull=never', '--log-driver=json-file', '--network=none'],
    ...['--env=CONTAINER_FLOW_NAME=bench', ...labels, mount, ...options, ...container],
  ])
  const code = await docker(['wait', id])
  const wallMs = performance.now() - startedAtMs
  await docker(['rm', '--force', '--volumes', id])
  if (code !== '0') throw new Error(`docker run ${container.join(' ')}: exit code ${code}`)
  return wallMs
}

export const logDocker: Benchmark = {
  name: 'log-docker',
  about: "the same lines into Docker's json-file log, until the container has ended; start-up taken off",
  budgetSeconds: 45,
  async run(site) {
    const skipped = await engineProblem()
    if (skipped) return { comparisons: [], skipped }
    await prepareEngine()
    const empty = writeLines(join(site.directory, 'docker-no-lines'), 0)
    const engine = await dockerSays('version', '--format', '{{.Server.Version}}')
    const flowkeep = await dockerSays('run', '--rm', '--entrypoint=flowkeep', baseImage, '--version')
    const program = await buildReadlinePino(site)
    const pinoScript = 'cat /input | /opt/flowkeep/bin/node /readline-pino.cjs'

    const contender = (
      [name, version]: readonly [string, string | undefined],
      lines: number,
      options: readonly string[],
      container: ContainerArguments,
    ) => {
      const input = writeLines(join(site.directory, `docker-${lines}-lines`), lines)
      return {
        name,
        version,
        async run() {
          const startMs = await wallMsOf(empty, options, container)
          const wholeMs = await wallMsOf(input, options, container)
          return { rate: lines / (wholeMs - startMs) / 1_000 }
        },
      }
    }
    const many = site.quick ? 300_000 : 1_000_000
    const contenders = [
      contender([ours, flowkeep], many, [], [baseImage, 'cat', '/input']),
      contender(['cat', `Docker ${engine}`], many, ['--entrypoint=cat'], [baseImage, '/input']),
      contender(
        // It takes a minute for a million.
        [readlinePino, pinoVersion()],
        50_000,
        [`--mount=type=bind,"source=${program}",target=/readline-pino.cjs,readonly`, '--entrypoint=sh'],
        [baseImage, '-c', pinoScript],
      ),
    ]
    const series = await runRounds(site, contenders, { rounds: 5, warmUps: 0 })
    const targets = [{ peer: readlinePino, limit: 5 }]
    return {
      comparisons: [
        comparison({ metric: 'throughput', unit: 'M lines/s', better: 'more', targets }, series('rate')),
      ],
    }
  },
}
