// What a container may use up, and what happens when it fails.

import { fail, known, notApplicable, pass, type Rule, warn } from '../verdict.ts'
import type { Workload } from '../workload.ts'

const restartsMax = 5

export const resourceRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.11',
    from: ['CIS 5.11'],
    title: 'Memory has a limit',
    severity: 'high',
    expected: 'a memory limit',
    fix: 'deploy: { resources: { limits: { memory: 512m } } }',
    look({ memoryBytes }) {
      const bytes = known(memoryBytes, 'the memory limit')
      return bytes > 0 ? pass(`${Math.round(bytes / 1024 ** 2)} MiB`) : fail('it has none')
    },
  },
  {
    id: 'CIS-5.12',
    from: ['CIS 5.12'],
    title: 'CPU has a limit or a share',
    severity: 'low',
    expected: 'a CPU limit',
    fix: 'deploy: { resources: { limits: { cpus: "1" } } }',
    look: ({ hasCpuLimit }) => (known(hasCpuLimit, 'the CPU limit') ? pass('limited') : fail('it has none')),
  },
  {
    id: 'CIS-5.15',
    from: ['CIS 5.15'],
    title: 'What keeps failing is not started for ever',
    severity: 'medium',
    expected: `restart: "no", or on-failure with at most ${restartsMax} retries`,
    fix: `restart: on-failure:${restartsMax}; or accept it with the reason why it has to come back by itself`,
    look({ restart }) {
      const { policy, retriesMax } = known(restart, 'the restart policy')
      if (policy === 'no') return pass('never restarted')
      if (policy !== 'on-failure' || retriesMax === 0) return fail(`${policy} has no bound`)
      return retriesMax <= restartsMax ? pass(`on-failure:${retriesMax}`) : fail(`on-failure:${retriesMax}`)
    },
  },
  {
    id: 'CIS-5.19',
    from: ['CIS 5.19'],
    title: 'Limits of processes are set where they are needed, and no core is dumped',
    severity: 'low',
    expected: 'ulimits: { core: 0 }, and none that is unlimited',
    fix: 'ulimits: { core: 0 }: a core dump holds every secret that was in memory',
    look({ ulimits }) {
      const all = known(ulimits, 'ulimits')
      const unlimited = all.filter(({ soft, hard }) => soft === -1 || hard === -1).map(({ name }) => name)
      if (unlimited.length > 0) return fail(`${unlimited.join(', ')} unlimited`)
      const core = all.find(({ name }) => name === 'core')
      return core?.hard === 0 ? pass('no core dumps') : warn("core dumps are left to the engine's default")
    },
  },
  {
    id: 'CIS-5.27',
    from: ['CIS 5.27', 'CIS 4.6'],
    title: 'Its health is checked while it runs',
    severity: 'medium',
    expected: 'a health check, of the image or of the service',
    fix: 'healthcheck: { test: […] }',
    look({ health, isOneShot }) {
      if (isOneShot) return notApplicable('it does its work and ends, and others wait for its exit code')
      const how = known(health, 'the health check of its image')
      if (how === 'checked') return pass('checked')
      return fail(how === 'disabled' ? 'the check is switched off' : 'there is no check')
    },
  },
  {
    id: 'CIS-5.29',
    from: ['CIS 5.29'],
    title: 'The number of processes has a limit',
    severity: 'medium',
    expected: 'a limit of processes',
    fix: 'deploy: { resources: { limits: { pids: 256 } } }',
    look({ pids }) {
      const most = known(pids, 'the limit of processes')
      return most > 0 ? pass(String(most)) : fail('it has none')
    },
  },
]
