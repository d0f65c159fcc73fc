import type { Alert } from '../../../supervisor/alerts/alert.ts'
import { Courier } from '../../../supervisor/alerts/courier.ts'
import { AlertDesk } from '../../../supervisor/alerts/desk.ts'
import type { Sink } from '../../../supervisor/alerts/notice.ts'
import type { PostResult } from '../../../supervisor/alerts/post.ts'
import { createRedactor } from '../../../supervisor/core/secret.ts'
import { createTestClock } from '../../harness/test-clock.ts'

export const labels = { flow: 'orders', instance_id: 'orders-1', environment: 'test' }

export function logged() {
  const events: string[] = []
  const keep = ({ event }: { event: string }) => void events.push(event)
  return { events, logger: { debug: () => {}, info: keep, warn: keep, error: keep } }
}

export function openDesk(sinks: Sink['name'][] = ['webhook']) {
  const clock = createTestClock()
  const { events, logger } = logged()
  let changes = 0
  const desk = new AlertDesk({
    ...{ clock, logger, labels, redact: createRedactor(['s3cret']) },
    sinks: () => sinks,
    changed: () => void changes++,
  })
  return {
    ...{ clock, desk, events },
    alerts: () => [...desk.all()],
    changes: () => changes,
  }
}

export function alert(over: Partial<Alert> = {}): Alert {
  return {
    ...{ key: 'FlowkeepQueueFull', name: 'FlowkeepQueueFull', severity: 'critical', labels },
    ...{ summary: 'full', description: 'it is full', startsAtMs: 1, endsAtMs: undefined, holdsMs: 300_000 },
    told: new Map(),
    ...over,
  }
}

/** Answers what the test says; each message is remembered. */
export function hire(sink: Sink, alerts: Alert[], answers: PostResult[]) {
  const clock = createTestClock()
  const { events, logger } = logged()
  const sent: { atMs: number; body: unknown }[] = []
  const counted: Record<string, number> = {}
  const courier = new Courier({
    ...{ clock, logger, sink, redact: createRedactor(['s3cret']), random: () => 1 },
    alerts: () => alerts,
    async post({ body }) {
      sent.push({ atMs: clock.monotonicMs(), body: JSON.parse(body) })
      return (answers.length > 1 ? answers.shift() : answers[0]) as PostResult
    },
    counted(_sink, result, count) {
      counted[result] = (counted[result] ?? 0) + count
    },
    told: () => {},
  })
  return {
    ...{ clock, courier, events, sent, counted },
    /** Moves time on in steps, so that what follows from an answer has its turn. */
    async pass(ms: number, stepMs = 100) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(stepMs)
        for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      }
    },
  }
}

export const ok: PostResult = { status: 200, retryAfterMs: undefined, answer: '' }
export const away: PostResult = { status: undefined, reason: 'ECONNREFUSED' }
