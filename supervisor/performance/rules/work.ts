// How the flow asks for its work and hands it back, the local queue, and the supervisor itself.

import type { Finding } from '../../core/performance.ts'
import { grown, peak, rate, type Window } from '../window.ts'
import { percent, short, span } from '../words.ts'

/** Requests a second to the supervisor from which on their number is worth looking at. */
const manyRequests = 50

/** Every claim is a round trip; a quick flow had better take more at a time. */
export function smallBatches(window: Window): Finding[] {
  const claims = rate(window, (sample) => sample.claims)
  const claimed = rate(window, (sample) => sample.claimed)
  if (!claims || !claimed || claims < manyRequests) return []
  const each = claimed / claims
  if (each > 5) return []
  const suggested = Math.min(500, Math.max(10, Math.round(claimed / 10)))
  return [
    {
      id: 'batches_small',
      kind: 'bottleneck',
      weight: 0.4,
      message: `the flow claims ${short(each)} records at a time, ${short(claims)} times a second`,
      figures: { claimsPerSecond: claims, recordsPerClaim: each, recordsPerSecond: claimed },
      advice: {
        setting: 'limit of /v1/records/claim, batch= of flowkeep.records()',
        now: short(each),
        suggested: String(suggested),
        gain: `about ${short(claimed / suggested)} claims a second instead of ${short(claims)}`,
      },
    },
  ]
}

/** What is held longer than the time limit is taken back. */
export function largeBatches(window: Window): Finding[] {
  const held = peak(window, ({ recordsHeld }) => recordsHeld)
  const settled = rate(window, (sample) => sample.settled)
  const limitSeconds = window.tunables.recordsTimeoutMs / 1000
  if (!held || !settled || held / settled < limitSeconds / 2) return []
  const suggested = Math.max(1, Math.floor((settled * limitSeconds) / 5))
  return [
    {
      id: 'batches_large',
      kind: 'risk',
      weight: Math.min(1, held / settled / limitSeconds),
      message: `the flow holds up to ${held} records and settles ${short(settled)} a second: the last of them waits ${span(held / settled)} of the ${span(limitSeconds)} it may be held`,
      figures: { held, settledPerSecond: settled, timeoutSeconds: limitSeconds },
      advice: {
        setting: 'limit of /v1/records/claim, batch= of flowkeep.records()',
        now: String(held),
        suggested: String(suggested),
        gain: 'no record is taken back and done twice; other containers get their share',
      },
    },
  ]
}

export function singleSubmissions(window: Window): Finding[] {
  const requests = rate(window, (sample) => sample.submissions)
  const operations = rate(window, (sample) => sample.submitted)
  if (!requests || !operations || requests < manyRequests || operations / requests > 3) return []
  return [
    {
      id: 'submissions_single',
      kind: 'bottleneck',
      weight: 0.3,
      message: `operations come ${short(operations / requests)} at a time, in ${short(requests)} requests a second`,
      figures: { requestsPerSecond: requests, operationsPerSecond: operations },
      advice: {
        setting: 'POST /v1/operations with a list, where the flow has several',
        now: short(operations / requests),
        suggested: '20',
        gain: `${short(operations / 20)} requests a second instead of ${short(requests)}, and one write to the disk for each`,
      },
    },
  ]
}

/** More comes in than goes out. */
export function queueGrows(window: Window): Finding[] {
  const { queueMaxOperations, queueMaxBytes } = window.tunables
  const [from, to] = [window.first.operationsQueued, window.last.operationsQueued]
  const bytes = window.last.queueBytes
  const full = Math.max(to / queueMaxOperations, bytes / queueMaxBytes)
  const perSecond = (to - from) / window.seconds
  const secondsLeft = perSecond > 0 ? (to / perSecond) * (1 / full - 1) : Number.POSITIVE_INFINITY
  if (to < 100 || (full < 0.8 && secondsLeft > 86_400)) return []
  const byBytes = bytes / queueMaxBytes > to / queueMaxOperations
  const grows = perSecond > 0 ? `, ${short(perSecond)} more a second: full in ${span(secondsLeft)}` : ''
  return [
    {
      id: 'queue_grows',
      kind: 'risk',
      weight: Math.min(1, Math.max(full, 3_600 / Math.max(3_600, secondsLeft))),
      message: `${to} operations wait in the local queue (${percent(full)} of what it takes)${grows}`,
      figures: { operations: to, bytes, full, perSecond },
      advice: {
        setting: byBytes ? 'CONTAINER_QUEUE_MAX_BYTES' : 'CONTAINER_QUEUE_MAX_OPERATIONS',
        now: String(byBytes ? queueMaxBytes : queueMaxOperations),
        suggested: null,
        gain: 'first see what its targets are doing (`flowkeep queue stats`): a larger queue gives time, not throughput',
      },
    },
  ]
}

/** One thread answers, reads the flow's output and talks to the databases. */
export function eventLoopBusy(window: Window): Finding[] {
  const active = grown(window, ({ loopActiveMs }) => loopActiveMs)
  const idle = grown(window, ({ loopIdleMs }) => loopIdleMs)
  if (active === undefined || idle === undefined || active + idle === 0) return []
  const share = active / (active + idle)
  if (share < 0.7) return []
  const lines = rate(window, ({ logLines }) => logLines) ?? 0
  const submissions = rate(window, (sample) => sample.submissions) ?? 0
  const claims = rate(window, (sample) => sample.claims) ?? 0
  const causes = [
    { per: lines / 1000, setting: 'the flow’s log level', what: `${short(lines)} lines of log a second` },
    {
      per: submissions / 10,
      setting: 'operations in lists',
      what: `${short(submissions)} submissions a second`,
    },
    { per: claims / 10, setting: 'larger batches of records', what: `${short(claims)} claims a second` },
  ]
  const [cause] = causes.sort((a, b) => b.per - a.per)
  return [
    {
      id: 'event_loop_busy',
      kind: 'bottleneck',
      weight: share,
      message: `the supervisor’s own thread is busy in ${percent(share)} of the time, most of all with ${cause?.what}`,
      figures: {
        busyShare: share,
        logLinesPerSecond: lines,
        submissionsPerSecond: submissions,
        claimsPerSecond: claims,
      },
      advice: {
        setting: `${cause?.setting}, or more replicas`,
        now: null,
        suggested: null,
        gain: 'answers on the control socket come sooner; two replicas share the load',
      },
    },
  ]
}

export function logLinesDropped(window: Window): Finding[] {
  const dropped = grown(window, (sample) => sample.logLinesDropped)
  if (!dropped) return []
  return [
    {
      id: 'log_lines_dropped',
      kind: 'bottleneck',
      weight: 0.5,
      message: `${dropped} lines of log were dropped in ${span(window.seconds)}: whoever reads stdout is too slow`,
      figures: { dropped },
      advice: {
        setting: 'the log driver, CONTAINER_LOG_LEVEL',
        now: null,
        suggested: 'a driver that does not block (`mode=non-blocking`), or fewer lines',
        gain: 'nothing is lost, and the flow is not held up by its own output',
      },
    },
  ]
}
