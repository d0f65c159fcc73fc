// The inbox: which operations have had their effect, written in the effect's own transaction. A row that others see is
// decided: `applied`, or `cancelled` for this revision and every earlier one.

import { applyOperations } from '../sql/apply-operations.ts'
import { arrayLiteral } from '../sql/array-literal.ts'
import { cancelOperations } from '../sql/cancel-operations.ts'
import { changeRecord } from '../sql/change-record.ts'
import { cleanInbox } from '../sql/clean-inbox.ts'
import { initiallyDeferred } from '../sql/initially-deferred.ts'
import { parameterKind } from '../sql/parameter-kind.ts'
import { typedTemplate } from '../sql/typed-template.ts'

const inbox = `
create table flowkeep.inbox (
  operation_id text primary key,
  content_hash text not null,
  revision integer not null,
  outcome text not null check (outcome in ('applied', 'cancelled')),
  -- Null stands for {"rowCounts":[1]}, which is what most operations do.
  result text,
  applied_at timestamptz not null default now()
);

-- For the retention.
create index inbox_applied_at on flowkeep.inbox (applied_at);
`

export const migration0001 = {
  version: 1,
  name: 'inbox',
  statements: [
    inbox,
    parameterKind,
    typedTemplate,
    arrayLiteral,
    initiallyDeferred,
    changeRecord,
    applyOperations,
    cancelOperations,
    cleanInbox,
  ],
} as const
