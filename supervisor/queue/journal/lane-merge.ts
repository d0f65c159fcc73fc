// The next entries of a target, in order of their position, from the lanes that wait for nothing. A merge over the lanes
// by their first entry: what it costs depends on what it yields, never on the backlog behind or on lanes that wait.

import type { Database } from './database.ts'
import { Corrupt, checked, type Row } from './row.ts'

interface Lane {
  readonly lane: string
  /** Its next entry. */
  seq: number
}

export function* mergeLanes(db: Database, target: string, except: ReadonlySet<string>): Generator<Row> {
  const heads = db.freeHeads(target)
  /** Those an entry was taken from and that have another one. */
  const open: Lane[] = []
  let head = nextHead()
  try {
    while (true) {
      const earliest = takeEarliest(open)
      if (head === undefined && earliest === undefined) return
      let lane = earliest as Lane
      if (head !== undefined && (earliest === undefined || head.seq < earliest.seq)) {
        if (earliest) open.push(earliest)
        lane = head
        head = nextHead()
      }
      const untilSeq = Math.min(head?.seq ?? Number.MAX_SAFE_INTEGER, ...open.map(({ seq }) => seq))
      let first = true
      for (const row of db.laneRows(target, lane.lane, lane.seq, untilSeq)) {
        if (first && row.seq !== lane.seq) break
        first = false
        yield checked(row)
      }
      if (first) throw new Corrupt(`the index names entry ${lane.seq}, which is not there`)
      const seq = db.nextOfLane(target, lane.lane, untilSeq)
      if (seq !== undefined) open.push({ lane: lane.lane, seq })
    }
  } finally {
    heads.return(undefined)
  }

  function nextHead(): Lane | undefined {
    while (true) {
      const { value, done } = heads.next()
      if (done) return undefined
      if (!except.has(value.lane)) return { ...value }
    }
  }
}

/** Takes out the lane whose next entry comes first. */
function takeEarliest(open: Lane[]): Lane | undefined {
  if (open.length === 0) return undefined
  let earliest = 0
  for (let i = 1; i < open.length; i++) if ((open[i] as Lane).seq < (open[earliest] as Lane).seq) earliest = i
  const [lane] = open.splice(earliest, 1)
  return lane
}
