import t from 'tap'
import { judge, patternOf, type Verdict } from '../../../supervisor/postgres/sql-state.ts'

const expected: Readonly<Record<Verdict, readonly string[]>> = {
  refused: [
    '22012',
    '22P02',
    '23505',
    '42601',
    '42P01',
    '0A000',
    '2F003',
    'P0001',
    '21000',
    '40002',
    '54000',
    '07001',
    '25001',
    '2D000',
  ],
  forbidden: ['42501'],
  failed: ['40001', '40P01', '55P03', '57014', 'XX000', 'HV000', '99999', ''],
  unreached: [
    '08006',
    '08P01',
    '28P01',
    '28000',
    '3D000',
    '53300',
    '53100',
    '57P01',
    '57P03',
    '25006',
    '25P03',
    '26000',
    '42P05',
    '58030',
  ],
}

t.test('§7 each SQLSTATE has its verdict', async (t) => {
  for (const [verdict, states] of Object.entries(expected)) {
    for (const state of states) t.equal(judge(state).verdict, verdict, state)
  }
  for (const state of expected.unreached) t.match(judge(state).reason, /^[a-z_]+$/, state)
})

t.test('§7 the database judges as the supervisor does', async (t) => {
  for (const verdict of ['refused', 'unreached'] as const) {
    const pattern = new RegExp(patternOf(verdict))
    for (const [other, states] of Object.entries(expected)) {
      for (const state of states) t.equal(pattern.test(state), other === verdict, `${state} ${verdict}`)
    }
  }
})
