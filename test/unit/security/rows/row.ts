import type { Status } from '../../../../supervisor/security/check.ts'
import type { Changes } from '../recorded.ts'

/** The closed container with some changes, and what one check says of it. */
export type Row = readonly [id: string, what: string, status: Status, found: RegExp, changes: Changes]
