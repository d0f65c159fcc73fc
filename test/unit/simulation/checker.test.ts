import t from 'tap'
import { check, type History, type Violation } from '../../simulation/checker.ts'
import { createLedger, type DeadLetter, type Invocation } from '../../simulation/ledger.ts'

type Told = 'applied' | 'queued' | 'nothing' | (string & {})

interface Story {
  readonly invocations: readonly Invocation[]
  readonly effects?: readonly (readonly [id: string, content: string, atMs: number])[]
  readonly counter?: number
  readonly dead?: readonly DeadLetter[]
  readonly exactlyOnce?: boolean
  readonly mayDie?: boolean
  readonly isVoid?: boolean
  readonly attempts?: number
}

/** Submitted at `atMs`, answered 10 ms later. */
function invoked(
  id: string,
  told: Told,
  atMs = 0,
  { content = `${id}#1`, lane = 'lane', slot = 'slot-0' } = {},
): Invocation {
  const refused = told !== 'applied' && told !== 'queued'
  return {
    ...{
      id,
      content,
      lane,
      slot,
      target: 'rpa_db',
      sql: '',
      mode: 'auto',
      expiresAtWallMs: undefined,
      epoch: 1,
    },
    invokedAtMs: atMs,
    abandoned: told === 'nothing',
    answer:
      told === 'nothing'
        ? undefined
        : {
            state: refused ? 'refused' : (told as 'applied'),
            code: refused ? told : undefined,
            result: undefined,
            atMs: atMs + 10,
          },
  }
}

function kinds(story: Story): Violation['kind'][] {
  const ledger = createLedger()
  ledger.invocations.push(...story.invocations)
  const effects = (story.effects ?? []).map(([id, content, atMs]) => ({ id, content, atMs }))
  const history: History = {
    ledger,
    targets: [
      {
        name: 'rpa_db',
        effects,
        counter: story.counter ?? effects.length,
        exactlyOnce: story.exactlyOnce ?? true,
      },
    ],
    dead: story.dead ?? [],
    isVoid: () => story.isVoid ?? false,
    mayDie: () => story.mayDie ?? true,
    attempts: () => story.attempts ?? 0,
    attemptsForgotten: 1,
  }
  return check(history).map(({ kind }) => kind)
}

t.test('R3.1 what was acknowledged and has its effect once is well', async (t) => {
  const invocations = [invoked('a', 'applied'), invoked('b', 'queued', 20), invoked('c', 'nothing', 40)]
  t.same(
    kinds({
      invocations,
      effects: [
        ['a', 'a#1', 5],
        ['b', 'b#1', 90],
      ],
    }),
    [],
  )
  t.same(
    kinds({
      invocations,
      effects: [
        ['a', 'a#1', 5],
        ['b', 'b#1', 90],
        ['c', 'c#1', 95],
      ],
    }),
    [],
  )
})

t.test('R3.1 lost, duplicated and phantom effects are found', async (t) => {
  t.same(kinds({ invocations: [invoked('a', 'queued')] }), ['lost'])
  const twice: Story['effects'] = [
    ['a', 'a#1', 5],
    ['a', 'a#1', 6],
  ]
  t.same(kinds({ invocations: [invoked('a', 'queued')], effects: twice }), ['duplicate'])
  t.same(kinds({ invocations: [invoked('a', 'queued')], effects: twice, exactlyOnce: false }), [])
  t.same(kinds({ invocations: [invoked('a', 'queued')], effects: [['a', 'a#1', 5]], counter: 2 }), [
    'duplicate',
  ])
  t.same(kinds({ invocations: [], effects: [['a', 'a#1', 5]] }), ['phantom'])
  t.same(kinds({ invocations: [invoked('a', 'nothing')], effects: [['a', 'a#2', 5]] }), ['phantom'])
})

t.test('R3.1 an effect that was denied is found, one that was left open is not', async (t) => {
  const effects: Story['effects'] = [['a', 'a#1', 5]]
  t.same(kinds({ invocations: [invoked('a', 'dependency_unavailable')], effects }), ['effect_after_failure'])
  t.same(kinds({ invocations: [invoked('a', 'outcome_unknown')], effects }), [])
})

t.test('R3.1 an answer that came before the effect is found', async (t) => {
  t.same(kinds({ invocations: [invoked('a', 'applied')], effects: [['a', 'a#1', 50]] }), ['wrong_answer'])
})

t.test('R3.1 a dead letter has a reason and no effect', async (t) => {
  const dead = [{ id: 'a', slot: 'slot-0', content: 'a#1', code: 'expired' }]
  t.same(kinds({ invocations: [invoked('a', 'queued')], dead }), [])
  t.same(kinds({ invocations: [invoked('a', 'queued')], dead, mayDie: false }), ['dead_without_reason'])
  t.same(kinds({ invocations: [invoked('a', 'queued')], dead, effects: [['a', 'a#1', 5]] }), [
    'effect_of_dead_letter',
  ])
  t.ok(kinds({ invocations: [invoked('a', 'applied')], dead }).includes('lost'))
})

t.test('R3.1 order: what was acknowledged before another was submitted comes first', async (t) => {
  const effects: Story['effects'] = [
    ['b', 'b#1', 50],
    ['a', 'a#1', 60],
  ]
  const first = invoked('a', 'queued', 0)
  t.same(kinds({ invocations: [first, invoked('b', 'queued', 20)], effects }), ['order'])
  t.same(kinds({ invocations: [first, invoked('b', 'queued', 5)], effects }), [], 'both were under way')
  t.same(kinds({ invocations: [first, invoked('b', 'queued', 20, { lane: 'other' })], effects }), [])
  t.same(kinds({ invocations: [first, invoked('b', 'queued', 20, { slot: 'slot-1' })], effects }), [])
})

t.test('R3.1 the rules of 409', async (t) => {
  const first = invoked('a', 'queued', 0)
  const effects: Story['effects'] = [['a', 'a#1', 50]]
  const other = (told: Told) => invoked('a', told, 20, { content: 'a#2' })
  t.same(kinds({ invocations: [first, other('operation_conflict')], effects }), [])
  t.ok(kinds({ invocations: [first, other('queued')], effects }).includes('conflict_accepted'))
  t.same(kinds({ invocations: [first, invoked('a', 'operation_conflict', 20)], effects }), [
    'conflict_invented',
  ])
})

t.test('R3.1 an operation is not tried more often than its budget', async (t) => {
  const dead = [{ id: 'a', slot: 'slot-0', content: 'a#1', code: 'attempts_exhausted' }]
  t.same(kinds({ invocations: [invoked('a', 'queued')], dead, attempts: 10 }), [])
  t.same(kinds({ invocations: [invoked('a', 'queued')], dead, attempts: 11 }), ['too_many_attempts'])
})

t.test(
  'R3.1 a completion whose record has a newer owner is void, but not once it is said to be applied',
  async (t) => {
    t.same(kinds({ invocations: [invoked('a', 'queued')], isVoid: true }), [])
    t.ok(kinds({ invocations: [invoked('a', 'applied')], isVoid: true }).includes('lost'))
  },
)
