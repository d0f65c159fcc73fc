import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { prepareEngine } from '../../harness/container.ts'
import { docker } from '../../harness/docker.ts'
import { ownLabels } from '../../harness/docker-owner.ts'
import { baseImage } from '../../harness/images.ts'
import { bareHttp } from '../harness/bare-http.ts'
import { type Benchmark, ours } from '../harness/benchmark.ts'
import { dockerSays, engineProblem } from '../harness/engine.ts'
import { cpuMs, residentMb } from '../harness/processes.ts'
import { comparison } from '../harness/rounds.ts'

const bareProgram = fileURLToPath(new URL('../programs/bare-http.cjs', import.meta.url))
const sampleMs = 10_000

/** @returns the container's id */
async function startContainer(...args: readonly string[]): Promise<string> {
  const labels = Object.entries(ownLabels).map(([name, value]) => `--label=${name}=${value}`)
  return docker(['run', '--detach', '--init=false', '--pull=never', '--network=none', ...labels, ...args])
}

async function checksDone(id: string): Promise<void> {
  while (!(await docker(['logs', id])).includes('"event":"security.checked"')) await sleep(250)
}

async function observe(id: string) {
  const pid = Number(await docker(['inspect', '--format={{.State.Pid}}', id]))
  const before = cpuMs(pid)
  await sleep(sampleMs)
  return { memory: residentMb(pid), cpu: ((cpuMs(pid) - before) * 60_000) / sampleMs }
}

export const idleDocker: Benchmark = {
  name: 'idle-docker',
  about: `the same in ${baseImage} with every default, once its security checks are done`,
  budgetSeconds: 60,
  async run() {
    const skipped = await engineProblem()
    if (skipped) return { comparisons: [], skipped }
    await prepareEngine()
    const version = await dockerSays('run', '--rm', '--entrypoint=flowkeep', baseImage, '--version')
    const mount = `--mount=type=bind,"source=${bareProgram}",target=/bare-http.cjs,readonly`
    const flowkeep = await startContainer('--env=CONTAINER_FLOW_NAME=bench', baseImage, 'sleep', 'infinity')
    const bare = await startContainer(
      ...[mount, '--entrypoint=/opt/flowkeep/bin/node', baseImage, '/bare-http.cjs', '8088'],
    )
    try {
      await checksDone(flowkeep)
      const [our, their] = await Promise.all([observe(flowkeep), observe(bare)])
      const series = (metric: 'memory' | 'cpu') => [
        { name: ours, version, values: [our[metric]] },
        { name: bareHttp, version: process.version, values: [their[metric]] },
      ]
      const targets = [{ peer: bareHttp, limit: 1.5 }]
      return {
        comparisons: [
          comparison({ metric: 'resident memory', unit: 'MB', better: 'less', targets }, series('memory')),
          comparison({ metric: 'processor time a minute', unit: 'ms', better: 'less' }, series('cpu')),
        ],
      }
    } finally {
      await docker(['rm', '--force', '--volumes', flowkeep, bare])
    }
  },
}
