import { performance } from 'node:perf_hooks'
import { prepareEngine } from '../../harness/container.ts'
import { docker } from '../../harness/docker.ts'
import { ownLabels } from '../../harness/docker-owner.ts'
import { baseImage } from '../../harness/images.ts'
import { type Benchmark, ours } from '../harness/benchmark.ts'
import { dockerSays, engineProblem } from '../harness/engine.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

const bareNode = ['--entrypoint=/opt/flowkeep/bin/node']
const environment = ['--env', 'CONTAINER_FLOW_NAME=bench']

async function wallMsOf(options: readonly string[], command: readonly string[]): Promise<number> {
  const labels = Object.entries(ownLabels).map(([name, value]) => `--label=${name}=${value}`)
  const startedAtMs = performance.now()
  await docker([
    'run',
    '--rm',
    '--pull=never',
    '--network=none',
    ...environment,
    ...labels,
    ...options,
    baseImage,
    ...command,
  ])
  return performance.now() - startedAtMs
}

export const dockerRun: Benchmark = {
  name: 'docker-run',
  about: `docker run of \`true\` in ${baseImage}, until the command returns; tini is Docker's own --init`,
  budgetSeconds: 30,
  async run(site) {
    const skipped = await engineProblem()
    if (skipped) return { comparisons: [], skipped }
    await prepareEngine()
    const engine = await dockerSays('version', '--format', '{{.Server.Version}}')
    const flowkeep = await dockerSays('run', '--rm', '--entrypoint=flowkeep', baseImage, '--version')
    const contender = (
      [name, version]: readonly [string, string | undefined],
      options: readonly string[],
      command: readonly string[],
    ) => ({ name, version, run: async () => ({ wall: await wallMsOf(options, command) }) })
    const contenders = [
      contender([ours, flowkeep], ['--init=false'], ['true']),
      contender(['tini', `of Docker ${engine}`], ['--init', '--entrypoint=true'], []),
      // What Node.js takes by itself, as PID 1 and with nothing to supervise.
      contender(['node -e 0', process.version], [...bareNode, '--init=false'], ['-e', '0']),
      contender(['no init', `Docker ${engine}`], ['--init=false', '--entrypoint=true'], []),
    ]
    const series = await runRounds(site, contenders, { rounds: 15 })
    const targets = [{ peer: 'tini', limit: 1.15 }]
    return {
      comparisons: [
        comparison({ metric: 'docker run true', unit: 'ms', better: 'less', targets }, series('wall')),
      ],
    }
  },
}
