// Alertmanager, API v2: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. An alert is known by
// its labels, and forgotten at `endsAt` unless it is sent again.

import { limits } from '../core/limits.ts'
import type { Secret } from '../core/secret.ts'
import { basicAuth } from './basic-auth.ts'
import { isoTime, type Notice, runbookOf, type Sink } from './notice.ts'

/** @param url its base, such as `http://alertmanager:9093` */
export function createAlertmanager(url: Secret, auth: Secret | undefined): Sink {
  return {
    name: 'alertmanager',
    repeatMs: limits.alertRepeatMs,
    shownMs: limits.alertShownMs,
    messages(notices, nowMs) {
      const target = new URL(`${url.reveal().replace(/(?<!\/)\/+$/, '')}/api/v2/alerts`)
      const body = JSON.stringify(notices.map((notice) => alertOf(notice, nowMs)))
      return [{ url: target, headers: basicAuth(auth), body, notices }]
    },
  }
}

function alertOf(notice: Notice, nowMs: number): object {
  const { name, severity, labels, summary, description, startsAtMs, endsAtMs, holdsMs } = notice
  return {
    labels: { alertname: name, severity, ...labels },
    annotations: { summary, description, runbook: runbookOf(name) },
    startsAt: isoTime(startsAtMs),
    endsAt: isoTime(endsAtMs ?? nowMs + holdsMs),
  }
}
