// What happens to the server.

import { endSessions, setReadOnly } from '../database.ts'
import type { Stage } from '../stage.ts'
import { type Fault, feltBySomebody } from './fault.ts'

function outage(name: string, about: string, begin: (stage: Stage) => Promise<void>): Fault {
  return {
    ...{ name, about, parts: ['database'] },
    async inject(stage) {
      await begin(stage)
      return { bitten: feltBySomebody(stage), heal: () => stage.server.start() }
    },
  }
}

const frozen: Fault = {
  name: 'database_frozen',
  about: 'connections are accepted by the kernel and nobody answers',
  parts: ['database'],
  async inject(stage) {
    const { server } = stage
    await endSessions(server)
    server.freeze()
    return { bitten: feltBySomebody(stage), heal: async () => server.thaw() }
  },
}

const readOnly: Fault = {
  name: 'database_read_only',
  about: 'a fail-over: sessions end, and the server that answers now refuses every write',
  parts: ['database'],
  async inject(stage) {
    const { server } = stage
    await setReadOnly(server, true)
    await endSessions(server)
    return {
      bitten: feltBySomebody(stage, 'read_only'),
      async heal() {
        await setReadOnly(server, false)
        await endSessions(server)
      },
    }
  },
}

const passwordExpired: Fault = {
  name: 'password_expired',
  about: 'the password is another one; a mounted file brings it, and the reload takes it',
  parts: ['database', 'flows'],
  async inject(stage) {
    await stage.expirePassword()
    await endSessions(stage.server)
    return {
      bitten: feltBySomebody(stage, 'authentication'),
      heal: async () => stage.tellPassword(),
    }
  },
}

export const databaseFaults: readonly Fault[] = [
  outage('database_stopped', 'a fast shutdown and a start', ({ server }) => server.halt('fast')),
  outage('database_aborted', 'an immediate shutdown, recovery at the start', ({ server }) =>
    server.halt('immediate'),
  ),
  outage('database_killed', 'SIGKILL to the postmaster, recovery at the start', ({ server }) =>
    server.kill(),
  ),
  ...[frozen, readOnly, passwordExpired],
]
