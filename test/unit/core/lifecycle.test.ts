import fc from 'fast-check'
import t from 'tap'
import type { Cause } from '../../../supervisor/core/exit.ts'
import {
  type EventType,
  type Lifecycle,
  type LifecycleEvent,
  type StateName,
  stateNames,
  step,
} from '../../../supervisor/core/lifecycle.ts'
import { createMachine } from '../../../supervisor/core/machine.ts'
import { createTestClock } from '../../harness/test-clock.ts'

const cause: Cause = { reason: 'flow_exited' }

const eventTypes: readonly EventType[] = [
  'config_ok',
  'config_bad',
  'config_changed',
  'gate_open',
  'flow_ready',
  'flow_gone',
  'flow_stuck',
  'spawn_failed',
  'retry',
  'final',
  'backoff_elapsed',
  'tree_gone',
  'flow_done',
  'drain',
  'drained',
  'stop',
  'flushed',
  'deadline',
  'internal_error',
]

function event(type: EventType): LifecycleEvent {
  return { type, cause } as LifecycleEvent
}

function at(state: StateName, stops = 0): Lifecycle {
  return { state, cause: undefined, stops }
}

function nextState(from: Lifecycle, type: EventType): StateName | undefined {
  const { next, known } = step(from, event(type))
  return known ? next.state : undefined
}

/** DESIGN §4, row by row. */
const table: readonly [StateName, readonly EventType[], StateName][] = [
  ['validating', ['config_ok'], 'gating'],
  ['validating', ['config_bad', 'stop'], 'exited'],
  ['gating', ['gate_open'], 'starting'],
  ['gating', ['config_changed'], 'gating'],
  ['gating', ['deadline', 'stop'], 'flushing'],
  ['starting', ['flow_ready'], 'running'],
  ['starting', ['flow_gone', 'deadline'], 'cleaning'],
  ['starting', ['spawn_failed'], 'flushing'],
  ['starting', ['config_changed'], 'reloading'],
  ['starting', ['stop'], 'terminating'],
  ['running', ['flow_gone', 'flow_stuck'], 'cleaning'],
  ['running', ['drain', 'stop'], 'draining'],
  ['running', ['config_changed'], 'reloading'],
  ['cleaning', ['retry'], 'backoff'],
  ['cleaning', ['final'], 'flushing'],
  ['cleaning', ['stop'], 'terminating'],
  ['backoff', ['backoff_elapsed', 'config_changed'], 'gating'],
  ['backoff', ['stop'], 'flushing'],
  ['reloading', ['tree_gone'], 'gating'],
  ['reloading', ['flow_done'], 'flushing'],
  ['reloading', ['config_changed', 'deadline'], 'reloading'],
  ['reloading', ['stop'], 'terminating'],
  ['draining', ['drained', 'deadline', 'flow_gone', 'stop'], 'terminating'],
  ['terminating', ['tree_gone'], 'flushing'],
  ['terminating', ['deadline'], 'killing'],
  ['killing', ['tree_gone', 'deadline'], 'flushing'],
  ['killing', ['stop'], 'killing'],
  ['flushing', ['flushed', 'deadline', 'stop'], 'exited'],
]

t.test('§4 every row of the lifecycle table leads where the design says', async (t) => {
  for (const [from, types, to] of table) {
    for (const type of types) t.equal(nextState(at(from), type), to, `${from} + ${type}`)
  }
})

t.test(
  '§4 a second stop escalates to KILL in draining and terminating, a first one after a drain does not',
  async (t) => {
    for (const state of ['draining', 'terminating'] as const) {
      t.equal(nextState(at(state, 0), 'stop'), 'terminating', `${state}, first stop`)
      t.equal(nextState(at(state, 1), 'stop'), 'killing', `${state}, second stop`)
    }
  },
)

t.test('§4 a reload that misses its deadline kills the tree and stays', async (t) => {
  t.same(step(at('reloading'), event('deadline')).effects, ['kill_tree'])
})

t.test('§4 gating again after a change keeps the deadline but asks the new dependencies', async (t) => {
  t.same(step(at('gating'), event('config_changed')).effects, ['close_gate', 'open_gate'])
})

t.test('§4 config_changed while draining or later changes nothing', async (t) => {
  for (const state of ['draining', 'terminating', 'killing', 'flushing', 'exited'] as const) {
    const { next, effects, known } = step(at(state), event('config_changed'))
    t.same({ next, effects, known }, { next: at(state), effects: [], known: true }, state)
  }
})

t.test('§4 the cause that came first is the one reported', async (t) => {
  const stopped = step(at('running'), event('stop')).next
  t.equal(stopped.cause?.reason, 'stopped')
  const gone = step(stopped, event('flow_gone')).next
  t.equal(step(gone, event('tree_gone')).next.cause?.reason, 'stopped')
  const final = step(at('cleaning'), { type: 'final', cause: { reason: 'crash_loop' } }).next
  t.equal(step(final, event('stop')).next.cause?.reason, 'crash_loop')
})

t.test('§4 what survives even KILL ends the container as internal, after a bounded wait', async (t) => {
  const killing: Lifecycle = { state: 'killing', cause: { reason: 'stopped' }, stops: 2 }
  const { next } = step(killing, event('deadline'))
  t.equal(next.state, 'flushing')
  t.equal(next.cause?.reason, 'internal')
})

t.test('§4 an internal error leaves every state towards the exit and kills what may live', async (t) => {
  for (const state of stateNames) {
    const { next, known } = step(at(state), { type: 'internal_error', cause: { reason: 'internal' } })
    t.ok(known, state)
    t.equal(next.cause?.reason, 'internal', state)
    t.ok(['killing', 'flushing', 'exited'].includes(next.state), `${state} → ${next.state}`)
  }
})

t.test('§4 every state is left for exited by stops and what the supervisor itself will say', async (t) => {
  const finishing: readonly EventType[] = ['stop', 'deadline', 'tree_gone', 'flushed']
  for (const state of stateNames) {
    let lifecycle = at(state)
    for (let turns = 0; turns < 6 && lifecycle.state !== 'exited'; turns++) {
      for (const type of finishing) lifecycle = step(lifecycle, event(type)).next
    }
    t.equal(lifecycle.state, 'exited', `from ${state}`)
  }
})

t.test(
  '§4 random events: no timer outlives its state, nothing leaves exited, stops end everything',
  async () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...eventTypes), { maxLength: 80 }), (types) => {
        const clock = createTestClock()
        let armedFor: StateName = 'validating'
        const machine = createMachine({
          clock,
          effects: new Proxy({} as Parameters<typeof createMachine>[0]['effects'], {
            get: () => () => undefined,
          }),
          timerMs: () => 1000,
          changed: ({ to }) => {
            // Timers of the state before are cancelled by now; those of the new one come next.
            if (clock.armed !== 0) throw new Error(`a timer of ${armedFor} is still armed in ${to}`)
            armedFor = to
          },
          unexpected: () => undefined,
        })
        let exited = false
        for (const type of types) {
          machine.dispatch(event(type))
          if (exited && machine.lifecycle.state !== 'exited') throw new Error(`${type} led out of exited`)
          exited = machine.lifecycle.state === 'exited'
          if (clock.armed !== machine.armedTimers) throw new Error('the machine lost a timer')
        }
        // Liveness: whatever happened, stops and the state's own timers reach the exit.
        for (let turn = 0; turn < 12 && machine.lifecycle.state !== 'exited'; turn++) {
          machine.dispatch({ type: 'stop' })
          clock.advance(1000)
        }
        if (machine.lifecycle.state !== 'exited') throw new Error(`stuck in ${machine.lifecycle.state}`)
        if (clock.armed !== 0) throw new Error('a timer outlives the exit')
        if (!machine.lifecycle.cause) throw new Error('an exit without a cause')
      }),
      { numRuns: 500 },
    )
  },
)

t.test('§4 an event dispatched by an effect waits until the effects before it are done', async (t) => {
  const order: string[] = []
  const machine = createMachine({
    clock: createTestClock(),
    effects: new Proxy({} as Parameters<typeof createMachine>[0]['effects'], {
      get: (_target, name: string) => () => {
        order.push(`${name} in ${machine.lifecycle.state}`)
        if (name === 'open_gate') machine.dispatch({ type: 'gate_open' })
        order.push(`${name} done`)
      },
    }),
    timerMs: () => undefined,
    changed: () => undefined,
    unexpected: () => undefined,
  })
  machine.dispatch({ type: 'config_ok' })
  t.same(order, [
    'open_gate in gating',
    'open_gate done',
    'close_gate in starting',
    'close_gate done',
    'start_flow in starting',
    'start_flow done',
  ])
})

t.test('§4 an event the table does not know is told to the supervisor, not swallowed', async (t) => {
  const unexpected: string[] = []
  const machine = createMachine({
    clock: createTestClock(),
    effects: {} as Parameters<typeof createMachine>[0]['effects'],
    timerMs: () => undefined,
    changed: () => t.fail('nothing may change'),
    unexpected: (state, { type }) => unexpected.push(`${state}: ${type}`),
  })
  machine.dispatch({ type: 'retry' })
  t.same(unexpected, ['validating: retry'])
})
