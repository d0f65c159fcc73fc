// What happens to containers: killed, paused, stopped while the database is away, never to come back.

import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../../harness/until.ts'
import type { Member } from '../member.ts'
import type { Stage } from '../stage.ts'
import { type Fault, feltBySomebody, hasQueued, pick, queued, running } from './fault.ts'

const someQueued = 50
/** What a living supervisor answers in. */
const liveMs = 1_500

const killed: Fault = {
  name: 'supervisor_killed',
  about: 'SIGKILL to a supervisor, and all its container with it',
  parts: ['supervisors', 'flows'],
  async inject(stage) {
    const member = pick(running(stage), stage.random)
    await member.kill()
    return { bitten: Promise.resolve(`${member.name} is gone`), heal: () => member.start() }
  },
}

const paused: Fault = {
  name: 'supervisor_paused',
  about: 'SIGSTOP to a supervisor, and SIGCONT later',
  parts: ['supervisors', 'flows'],
  async inject(stage) {
    const member = pick(running(stage), stage.random)
    const { supervised } = member
    supervised.signal('SIGSTOP')
    return {
      bitten: isSilent(member),
      heal: async () => supervised.signal('SIGCONT'),
    }
  },
}

async function isSilent({ name, supervised }: Member): Promise<string> {
  const answered = await Promise.race([
    supervised.get('/livez').then(() => true),
    delay(liveMs).then(() => false),
  ])
  if (answered) throw new Error(`${name} answers though it is stopped`)
  return `${name} has not answered for ${liveMs} ms`
}

const flowKilled: Fault = {
  name: 'flow_killed',
  about: 'SIGKILL to a flow, in the middle of its submissions',
  parts: ['flows'],
  async inject(stage) {
    const member = pick(running(stage), stage.random)
    const { generation } = (await member.status()).process
    const pid = await until(
      'the flow has a process',
      async () => member.flowPid(),
      (pid) => pid !== undefined,
    )
    process.kill(pid as number, 'SIGKILL')
    const isNext = async () => (await member.status()).process
    return {
      bitten: until('the flow is started again', isNext, (now) => now.generation > generation).then(
        ({ lastExit }) => `${member.name}: ${lastExit?.reason}, generation ${generation + 1}`,
      ),
      heal: async () => {},
    }
  },
}

/** Stops a member whose queue cannot drain. */
async function stopInPartition(stage: Stage, stops: 1 | 2) {
  const { proxy } = stage
  const member = pick(running(stage), stage.random)
  proxy.refuse()
  const bitten = async () => {
    await hasQueued(member, someQueued)
    const { supervised } = member
    supervised.signal('SIGTERM')
    if (stops === 2) {
      await supervised.record('stop.requested')
      supervised.signal('SIGTERM')
    }
    const exit = await member.gone()
    if (exit?.['reason'] !== 'stopped') throw new Error(`${member.name} ended with ${JSON.stringify(exit)}`)
    const unsent = Number(exit['unsentOperations'])
    if (!(unsent > 0)) throw new Error(`${member.name} has nothing unsent: ${JSON.stringify(exit)}`)
    return `${member.name} stopped with ${unsent} unsent`
  }
  return {
    bitten: bitten(),
    async heal() {
      // Started while the database is still away: it takes up where it was.
      await member.start()
      proxy.heal()
    },
  }
}

const stopped: Fault = {
  name: 'stopped_in_partition',
  about: 'SIGTERM while the database is away: the rest is kept and counted',
  parts: ['supervisors', 'flows', 'network'],
  inject: (stage) => stopInPartition(stage, 1),
}

const stoppedTwice: Fault = {
  name: 'stopped_twice_in_partition',
  about: 'a second SIGTERM while the first one drains',
  parts: ['supervisors', 'flows', 'network'],
  inject: (stage) => stopInPartition(stage, 2),
}

const killedWhileDraining: Fault = {
  name: 'killed_while_draining',
  about: 'SIGKILL to a supervisor that was told to stop and drains what it has queued',
  parts: ['supervisors', 'flows', 'network'],
  async inject(stage) {
    const { proxy } = stage
    const member = pick(running(stage), stage.random)
    proxy.refuse()
    const bitten = async () => {
      await hasQueued(member, someQueued)
      proxy.heal()
      member.supervised.signal('SIGTERM')
      await member.supervised.record('stop.requested')
      await member.kill()
      return `${member.name} is gone in the middle of its stop`
    }
    return { bitten: bitten(), heal: () => member.start() }
  },
}

const killedAfterCommit: Fault = {
  name: 'killed_after_commit',
  about: 'SIGKILL to all supervisors between a commit of the replay and its removal from the journal',
  parts: ['supervisors', 'flows', 'network'],
  async inject(stage) {
    const { proxy, members } = stage
    const victims = running(stage)
    proxy.refuse()
    const bitten = async () => {
      await hasQueued(pick(victims, stage.random), someQueued)
      const committed = proxy.swallowAnswer(/apply_operations/)
      proxy.heal()
      await committed
      await Promise.all(victims.map((member) => member.kill()))
      return `${victims.length} supervisors are gone`
    }
    return {
      bitten: bitten(),
      heal: async () =>
        void (await Promise.all(members.filter(({ runs }) => !runs).map((each) => each.start()))),
    }
  },
}

const adopted: Fault = {
  name: 'slot_adopted',
  about: 'two that share a state directory die with full queues; the one that comes back drains both',
  parts: ['supervisors', 'flows', 'network'],
  isPossible: ({ pair }) => pair.length === 2,
  async inject(stage) {
    const { proxy, pair } = stage
    const [heir, other] = pair as [Member, Member]
    proxy.refuse()
    const bitten = async () => {
      await Promise.all(pair.map((member) => hasQueued(member, someQueued)))
      await Promise.all(pair.map((member) => member.kill()))
      await heir.start()
      const { operations } = await heir.supervised.record('queue.slot_adopted')
      return `${heir.name} has adopted ${operations} operations`
    }
    return {
      bitten: bitten(),
      async heal() {
        proxy.heal()
        await other.start()
      },
    }
  },
}

const diskFull: Fault = {
  name: 'disk_full',
  about: 'no byte left under a state directory, with a full queue in it, which drains all the same',
  parts: ['supervisors', 'flows', 'network', 'disk'],
  isPossible: ({ disk }) => disk !== undefined,
  async inject(stage) {
    const { proxy, disk, members } = stage
    const member = members[0] as Member
    proxy.refuse()
    const bitten = async () => {
      await feltBySomebody(stage)
      await hasQueued(member, someQueued)
      disk?.fill()
      const isFull = async () => (await member.status()).queue?.full
      await until('the queue says that its disk is full', isFull, (full) => full === 'disk')
      const waiting = await queued(member)
      proxy.heal()
      await until(
        `${member.name} drains`,
        () => queued(member),
        (count) => count === 0,
      )
      return `${member.name} took nothing new and drained ${waiting}`
    }
    return { bitten: bitten(), heal: async () => disk?.empty() }
  },
}

export const supervisorFaults: readonly Fault[] = [
  ...[killed, paused, flowKilled, stopped, stoppedTwice],
  ...[killedWhileDraining, killedAfterCommit, adopted, diskFull],
]
