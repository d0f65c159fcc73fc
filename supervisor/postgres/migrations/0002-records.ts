// Records: the queue, its sessions, keys and history, and everything that is done to them. Change of a record within an
// operation (`change_record`) replaces what version 1 had in its place.

import { changeRecordWithRecords } from '../sql/records/change-record.ts'
import { claimRecords } from '../sql/records/claim-records.ts'
import { completeRecords } from '../sql/records/complete-records.ts'
import { countRecords } from '../sql/records/count-records.ts'
import { enqueueRecords } from '../sql/records/enqueue-records.ts'
import { giveBackClaims } from '../sql/records/give-back-claims.ts'
import { giveBackRecords } from '../sql/records/give-back-records.ts'
import { keepHistory } from '../sql/records/keep-history.ts'
import { recoverRecords } from '../sql/records/recover-records.ts'
import { retryFailedRecord } from '../sql/records/retry-failed-record.ts'
import { recordTables } from '../sql/records/tables.ts'
import { takeBack } from '../sql/records/take-back.ts'

export const migration0002 = {
  version: 2,
  name: 'records',
  statements: [
    recordTables,
    takeBack,
    claimRecords,
    completeRecords,
    giveBackRecords,
    giveBackClaims,
    recoverRecords,
    changeRecordWithRecords,
    enqueueRecords,
    retryFailedRecord,
    countRecords,
    keepHistory,
  ],
} as const
