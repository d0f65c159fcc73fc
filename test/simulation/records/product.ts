// The desk of records as it ships, or a copy with a planted bug.

import type { RecordDesk } from '../../../supervisor/records/desk.ts'
import { importVariant, type Mutation } from '../mutant.ts'

export type DeskClass = typeof RecordDesk

export async function loadDesk(mutation?: Mutation): Promise<DeskClass> {
  const module = (await importVariant('records/desk.ts', { mutation })) as { RecordDesk: DeskClass }
  return module.RecordDesk
}
