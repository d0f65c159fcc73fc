// A test alert, raised and ended, to each receiver: one try, at once.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { Redact } from '../core/secret.ts'
import { alertCatalogue } from './catalogue.ts'
import { explain, verdictOf } from './courier.ts'
import type { Notice, Sink } from './notice.ts'
import type { Posting, PostResult } from './post.ts'

export interface Answer {
  readonly sink: string
  readonly ok: boolean
  readonly message: string
}

export interface TryOut {
  readonly clock: Clock
  readonly redact: Redact
  readonly labels: Readonly<Record<string, string>>
  post(posting: Posting, signal: AbortSignal): Promise<PostResult>
}

export function tryOut(sinks: readonly Sink[], parts: TryOut): Promise<Answer[]> {
  return Promise.all(sinks.map((sink) => tryOne(sink, parts)))
}

async function tryOne(sink: Sink, { clock, labels, post, redact }: TryOut): Promise<Answer> {
  const nowMs = clock.wallMs()
  const { severity, title: summary } = alertCatalogue.FlowkeepTest
  const raised: Notice = {
    ...{ key: 'FlowkeepTest', name: 'FlowkeepTest', severity, labels, summary },
    description: 'somebody has run `flowkeep alert test`; nothing is wrong',
    ...{ startsAtMs: nowMs, endsAtMs: undefined, holdsMs: limits.alertHoldsMs },
  }
  // A receiver that waits before it tells would never tell of one that ends at once: there it ends by itself.
  const notices = sink.repeatMs === undefined ? [raised, { ...raised, endsAtMs: nowMs }] : [raised]
  for (const notice of notices) {
    for (const message of sink.messages([notice], nowMs)) {
      const result = await post(message, AbortSignal.timeout(limits.alertSendMs))
      const answer = explain(result, redact)
      if (verdictOf(result) !== 'sent') return { sink: sink.name, ok: false, message: answer }
    }
  }
  return {
    sink: sink.name,
    ok: true,
    message: notices.length > 1 ? 'raised and ended' : 'raised; it ends by itself',
  }
}
