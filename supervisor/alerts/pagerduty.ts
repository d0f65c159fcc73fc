// PagerDuty, Events API v2: one event in each request; `dedup_key` makes one incident of all events of an alert.
// https://developer.pagerduty.com/docs/events-api-v2/trigger-events/

import { createHash } from 'node:crypto'
import type { Secret } from '../core/secret.ts'
import { isoTime, type Message, type Notice, runbookOf, type Sink } from './notice.ts'

const dedupKeyCharsMax = 255
const summaryCharsMax = 1024

/** @param url the base of the region's events API */
export function createPagerDuty(key: Secret, url: string): Sink {
  const target = new URL(`${url.replace(/(?<!\/)\/+$/, '')}/v2/enqueue`)
  return {
    name: 'pagerduty',
    repeatMs: undefined,
    shownMs: 0,
    messages: (notices) =>
      notices.map((notice): Message => {
        const body = JSON.stringify({ routing_key: key.reveal(), ...eventOf(notice) })
        return { url: target, headers: {}, body, notices: [notice] }
      }),
  }
}

function eventOf(notice: Notice): object {
  const { name, severity, labels, summary, description, startsAtMs, endsAtMs } = notice
  if (endsAtMs !== undefined) return { event_action: 'resolve', dedup_key: dedupKeyOf(notice) }
  return {
    event_action: 'trigger',
    dedup_key: dedupKeyOf(notice),
    client: 'Flowkeep',
    payload: {
      summary: `${summary}: ${labels['flow']} on ${labels['instance_id']}: ${description}`.slice(
        0,
        summaryCharsMax,
      ),
      source: labels['instance_id'],
      severity,
      timestamp: isoTime(startsAtMs),
      component: labels['flow'],
      group: labels['environment'],
      class: name,
      custom_details: { ...labels, description, runbook: runbookOf(name) },
    },
  }
}

function dedupKeyOf({ key, labels }: Notice): string {
  const whole = ['flowkeep', labels['environment'], labels['flow'], labels['instance_id'], key].join('/')
  if (whole.length <= dedupKeyCharsMax) return whole
  return `flowkeep/${createHash('sha256').update(whole).digest('hex')}`
}
