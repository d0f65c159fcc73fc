import t from 'tap'
import { createBackoff } from '../../../supervisor/gate/backoff.ts'

const bounds = { minMs: 250, maxMs: 15_000 }

function delays(random: () => number, reasons: readonly string[], capMs?: number): number[] {
  const backoff = createBackoff(bounds, random)
  return reasons.map((reason) => backoff.next(reason, capMs))
}

t.test('R2.2 the bound doubles from the minimum to the maximum and stays there', async (t) => {
  const refused = new Array(9).fill('refused')
  t.same(
    delays(() => 1, refused),
    [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000],
  )
})

t.test(
  'R2.2 full jitter: the delay is the random share of the bound, from nothing to all of it',
  async (t) => {
    const shares = [0, 0.5, 0.25, 0.999]
    t.same(
      delays(() => shares.shift() ?? 0, ['refused', 'refused', 'refused', 'refused']),
      [0, 250, 250, 1998],
    )
  },
)

t.test('R2.2 another reason is progress and begins again', async (t) => {
  const reasons = ['refused', 'refused', 'refused', 'starting', 'starting', 'refused']
  t.same(
    delays(() => 1, reasons),
    [250, 500, 1000, 250, 500, 250],
  )
})

t.test('R2.2 a cap holds, and the exponent never overflows', async (t) => {
  t.same(
    delays(() => 1, ['starting', 'starting', 'starting', 'starting'], 500),
    [250, 500, 500, 500],
  )
  t.equal(delays(() => 1, new Array(3000).fill('refused')).at(-1), 15_000)
  t.equal(
    createBackoff({ minMs: 250, maxMs: 100 }, () => 1).next('refused'),
    100,
    'a maximum below the minimum',
  )
})
