import type { Benchmark } from '../harness/benchmark.ts'
import { inits } from '../harness/inits.ts'
import { findPeers, isHere } from '../harness/peers.ts'
import { namespaceProblem } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

const count = 10_000

export const orphans: Benchmark = {
  name: 'orphans',
  about: `${count} dead orphans in one burst, until PID 1 has reaped the last`,
  budgetSeconds: 40,
  async run(site) {
    const skipped = namespaceProblem() ?? (isHere('perl') ? undefined : 'install the Debian package perl')
    if (skipped) return { comparisons: [], skipped }
    const { present, absent } = findPeers(['tini', 'dumb-init'])
    const contenders = inits(site, present).map(({ name, version, figures }) => ({
      name,
      version,
      async run() {
        const [wall, cpu] = (await figures('orphans.pl', [String(count)])) as [number, number]
        return { wall, cpu }
      },
    }))
    const series = await runRounds(site, contenders, { rounds: 9 })
    const targets = [{ peer: 'tini', limit: 3 }]
    return {
      absent,
      comparisons: [
        comparison({ metric: 'all reaped', unit: 'ms', better: 'less', targets }, series('wall')),
        comparison({ metric: 'processor time of PID 1', unit: 'ms', better: 'less' }, series('cpu')),
      ],
    }
  },
}
