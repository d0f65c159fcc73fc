import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ErrorCode } from '../../../supervisor/core/errors.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import { createWills, holdsWills } from '../../../supervisor/queue/wills.ts'
import { memoryDirectory } from '../../harness/journal.ts'
import { quiet } from '../http/public-fixture.ts'

const operation = { id: 'crashed-1', target: 'prefect', method: 'POST', path: '/x' }
const applied: Submitted = { state: 'applied', id: 'x' }

function open(directory: string, answer: (operation: unknown) => Submitted = () => applied) {
  const submitted: unknown[] = []
  const wills = createWills({
    directory,
    logger: quiet,
    problemOf: (raw) => (raw === 'wrong' ? { message: 'it is wrong' } : undefined),
    async submit(raw) {
      submitted.push(raw)
      return answer(raw)
    },
  })
  return { wills, submitted }
}

function refusal(code: ErrorCode): Submitted {
  return { state: 'refused', id: 'x', error: { code, message: 'no', hint: 'none' } }
}

t.test('R8.2 a will is carried out once when the flow is gone, and one that was dropped never', async (t) => {
  const { wills, submitted } = open(memoryDirectory(t))
  wills.keep('a', { ...operation, id: 'old' })
  wills.keep('a', operation)
  wills.keep('b', operation)
  t.equal(wills.drop('b'), true)
  t.equal(wills.drop('b'), false)
  await Promise.all([wills.carryOut(), wills.carryOut()])
  await wills.carryOut()
  t.same(submitted, [operation])
})

t.test('R8.2 a will outlives the supervisor, for itself or for another that finds its slot', async (t) => {
  const [own, other] = [memoryDirectory(t), memoryDirectory(t)]
  t.equal(holdsWills(own), false)
  for (const directory of [own, other]) open(directory).wills.keep('a', operation)
  t.equal(holdsWills(own), true)
  const { wills, submitted } = open(own)
  await wills.carryOut()
  await wills.carryOutIn(other)
  t.same(submitted, [operation, operation])
  t.same([holdsWills(own), holdsWills(other)], [false, false])
})

t.test('R8.2 a will that cannot be submitted now stays, one that is refused for good goes', async (t) => {
  const directory = memoryDirectory(t)
  for (const code of ['queue_full', 'state_directory_unavailable', 'outcome_unknown'] as const) {
    const { wills } = open(directory, () => refusal(code))
    wills.keep('a', operation)
    await wills.carryOut()
    t.equal(holdsWills(directory), true, code)
    t.equal(wills.drop('a'), true, 'it can still be dropped')
  }
  const { wills: nameless } = open(directory, () => refusal('outcome_unknown'))
  nameless.keep('a', { ...operation, id: undefined })
  await nameless.carryOut()
  t.equal(holdsWills(directory), false, 'done a second time under another id it might have two effects')
  const { wills } = open(directory, () => refusal('queue_full'))
  wills.keep('b', operation)
  const { wills: next } = open(directory, () => refusal('operation_refused'))
  await next.carryOut()
  t.equal(holdsWills(directory), false)
})

t.test(
  'R8.2 what cannot be read, or was not written to its end, keeps nothing from being carried out',
  async (t) => {
    const directory = memoryDirectory(t)
    mkdirSync(join(directory, 'wills'))
    writeFileSync(join(directory, 'wills', 'torn.json'), '{"id":')
    writeFileSync(join(directory, 'wills', 'half.json.new'), '{}')
    const { wills, submitted } = open(directory)
    wills.keep('a', operation)
    await wills.carryOut()
    t.same(submitted, [operation])
    t.same(readdirSync(join(directory, 'wills')), ['half.json.new'])
  },
)

t.test(
  'R8.2 a will whose file the disk does not give, or does not let go, stays and ends nothing',
  async (t) => {
    const directory = memoryDirectory(t)
    // Neither can be read as a file, nor removed as one.
    mkdirSync(join(directory, 'wills', 'odd.json'), { recursive: true })
    const { wills, submitted } = open(directory)
    wills.keep('a', operation)
    await wills.carryOut()
    t.same(submitted, [operation])
    t.same(readdirSync(join(directory, 'wills')), ['odd.json'])
    t.throws(() => wills.drop('odd'))
    t.throws(() => wills.drop('odd'), 'it is not taken for dropped')
  },
)

t.test('R6.5 a will that cannot be written leaves nothing behind', async (t) => {
  const directory = memoryDirectory(t)
  mkdirSync(join(directory, 'wills', 'a.json'), { recursive: true })
  const { wills } = open(directory)
  t.throws(() => wills.keep('a', operation), { code: 'disk_full' })
  t.same(readdirSync(join(directory, 'wills')), ['a.json'])
})

t.test('R6.5 wills are bounded in number and size, and must be operations', async (t) => {
  const { wills } = open(memoryDirectory(t))
  t.throws(() => wills.keep('a', 'wrong'), { code: 'invalid_request', message: /it is wrong/ })
  t.throws(() => wills.keep('a', 'x'.repeat(limits.willBytes)), { code: 'invalid_request' })
  for (let n = 0; n < limits.wills; n++) wills.keep(`w${n}`, operation)
  t.throws(() => wills.keep('one-more', operation), { code: 'queue_full' })
  wills.keep('w0', operation)
})
