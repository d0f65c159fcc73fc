// Each case of the suite can fail: for every one there is a fault that it finds. A small init passes them all and has
// one fault at a time; what only Flowkeep does is asked of a Flowkeep that is set up wrongly.

import t from 'tap'
import { type Init, initOf } from '../../conformance/inits.ts'
import { cannotRun, cases, fixture, run } from '../../conformance/suite.ts'

/** The init's fault, and the cases that find it, each by a part of its name. */
const faults: Readonly<Record<string, readonly string[]>> = {
  'seven-bits': ['0–255'],
  'no-signal-code': [
    ...['TERM ends', 'HUP ends', 'QUIT ends', 'KILL ends', 'SEGV ends'],
    'real-time signal ends',
  ],
  'own-exec-code': ['127 for', '126 for'],
  'zero-when-stopped': ['chooses when it is told to stop'],
  'no-pwr': ['HUP, USR1'],
  'no-real-time': ['real-time signals'],
  'sends-twice': ['HUP, USR1', 'real-time signals'],
  'leader-only': ['HUP, USR1', 'real-time signals', 'TERM reaches', 'INT reaches', 'QUIT reaches'],
  'forwards-chld': ['CHLD is not'],
  'stops-flow': ['TSTP, TTIN'],
  'stops-for-good': ['TSTP, then CONT'],
  'ignores-stops': ['chooses when', 'TSTP, TTIN', 'TERM as soon'],
  'ignores-pipe': ['blocked or ignored'],
  'blocks-hup': ['blocked or ignored'],
  'no-question': ['is asked by TERM', 'session of its own'],
  'leaves-rest': ['is asked by TERM', 'gone before the init', 'session of its own'],
  'waits-for-output': ['holds its stdout'],
  'no-reaping': ['1,000 orphans'],
  'any-exit': ['in the same moment'],
  'no-adoption': ['adopts the orphans'],
  'sleeps-first': ['TERM as soon'],
  'kills-at-once': ['stays on TERM'],
  'endless-grace': ['stays on TERM'],
  'no-second-stop': ['a second TERM'],
  'no-input': ['standard input'],
  'socket-output': ['/dev/stdout'],
  'leaks-file': ['no open file'],
}

/** Settings of Flowkeep that win over those of the case, and the cases that find that they are wrong. */
const wrongSettings: Readonly<Record<string, readonly string[]>> = {
  'CONTAINER_DATABASE_MAIN_REQUIRED=false': [
    'while the gate waits',
    'initialisation phase',
    'open and silent',
  ],
  'CONTAINER_RESTART_POLICY=never': ['between two starts', 'again and again'],
  'CONTAINER_RESTART_MAX=3': ['again and again'],
  'CONTAINER_STOP_GRACE=200ms': ['stopped for new settings'],
}

const exitCodes = [0, 1, 200]
const patienceMs = 1_000
const impatient = { exitCodes, patienceMs }

function initWith(fault: string): Init {
  const command = (flow: readonly string[]) => [...fixture('init'), fault, ...flow]
  return {
    ...initOf('true'),
    name: fault,
    command,
    commandBelow: command,
    environment: (_place, graceMs) => ({ GRACE_MS: String(graceMs ?? 1_000) }),
    features: new Set(['grace']),
    lastListened: 15,
  }
}

function flowkeepWith(setting: string): Init {
  const flowkeep = initOf('flowkeep')
  return {
    ...flowkeep,
    name: `flowkeep with ${setting}`,
    command: (flow, place) => ['env', setting, ...flowkeep.command(flow, place)],
  }
}

const casesWith = (part: string) => cases.filter(({ name }) => name.includes(part))

const problem = cannotRun()
if (problem !== undefined) t.plan(0, problem)
else {
  t.test('R9.3 every case is there to find some fault', async (t) => {
    const found = new Set(
      [...Object.values(faults), ...Object.values(wrongSettings)].flat().flatMap(casesWith),
    )
    t.same(
      cases.filter((one) => !found.has(one)).map(({ name }) => name),
      [],
    )
  })

  t.test('R9.3 an init without a fault passes every case', async (t) => {
    const results = await Promise.all(run(initWith('none'), cases, { exitCodes }))
    t.same(
      results.filter(({ outcome }) => outcome === 'fail'),
      [],
    )
  })

  // Most of the time goes by in waiting for what never comes.
  t.jobs = 6
  for (const [init, parts] of [
    ...Object.entries(faults).map(([fault, parts]) => [initWith(fault), parts] as const),
    ...Object.entries(wrongSettings).map(([setting, parts]) => [flowkeepWith(setting), parts] as const),
  ]) {
    t.test(`R9.3 the fault is found: ${init.name}`, { buffered: true }, async (t) => {
      const look = () => Promise.all(run(init, parts.flatMap(casesWith), impatient))
      let results = await look()
      t.equal(results.length, parts.length)
      // What depends on the moment is tried again before it counts as missed.
      for (let again = 0; again < 4 && results.some(({ outcome }) => outcome !== 'fail'); again++)
        results = await look()
      for (const { name, outcome, reason } of results)
        t.equal(outcome, 'fail', `${name}: ${reason ?? 'passed'}`)
    })
  }
}
