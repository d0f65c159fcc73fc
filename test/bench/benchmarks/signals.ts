import type { Benchmark } from '../harness/benchmark.ts'
import { inits } from '../harness/inits.ts'
import { findPeers, isHere } from '../harness/peers.ts'
import { namespaceProblem } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

const count = 400

export const signals: Benchmark = {
  name: 'signals',
  about: `from a signal to PID 1 to the flow's handler; SIGHUP ${count} times in each run, SIGTERM once`,
  budgetSeconds: 40,
  async run(site) {
    const skipped = namespaceProblem() ?? (isHere('perl') ? undefined : 'install the Debian package perl')
    if (skipped) return { comparisons: [], skipped }
    const { present, absent } = findPeers(['tini', 'dumb-init'])
    const contenders = inits(site, present).map(({ name, version, figures }) => ({
      name,
      version,
      async run() {
        const [p50, p99, term] = (await figures('signals.pl', [String(count)])) as [number, number, number]
        return { p50, p99, term }
      },
    }))
    const series = await runRounds(site, contenders, { rounds: 12 })
    const targets = [{ peer: 'tini', limit: 3 }]
    return {
      absent,
      comparisons: [
        comparison({ metric: 'SIGHUP p50', unit: 'µs', better: 'less', targets }, series('p50')),
        comparison({ metric: 'SIGHUP p99', unit: 'µs', better: 'less' }, series('p99')),
        comparison({ metric: 'SIGTERM, the first', unit: 'µs', better: 'less', targets }, series('term')),
      ],
    }
  },
}
