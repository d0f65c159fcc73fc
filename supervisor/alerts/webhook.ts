// A webhook, in the form that Alertmanager's own webhook receiver sends (version 4), which many tools understand; `text`
// is for the chat services that show nothing else.
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

import type { Secret } from '../core/secret.ts'
import { basicAuth } from './basic-auth.ts'
import { isoTime, type Notice, runbookOf, type Sink } from './notice.ts'

export function createWebhook(url: Secret, auth: Secret | undefined): Sink {
  return {
    name: 'webhook',
    repeatMs: undefined,
    shownMs: 0,
    messages: (notices) => [
      {
        url: new URL(url.reveal()),
        headers: basicAuth(auth),
        body: JSON.stringify(bodyOf(notices)),
        notices,
      },
    ],
  }
}

function bodyOf(notices: readonly Notice[]): object {
  const alerts = notices.map(alertOf)
  const firing = alerts.some(({ status }) => status === 'firing')
  return {
    version: '4',
    groupKey: 'flowkeep',
    truncatedAlerts: 0,
    status: firing ? 'firing' : 'resolved',
    receiver: 'flowkeep',
    groupLabels: {},
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL: '',
    alerts,
    text: notices.map(lineOf).join('\n'),
  }
}

function alertOf({ key, name, severity, labels, summary, description, startsAtMs, endsAtMs }: Notice) {
  return {
    status: endsAtMs === undefined ? 'firing' : 'resolved',
    labels: { alertname: name, severity, ...labels } as Record<string, string>,
    annotations: { summary, description, runbook: runbookOf(name) } as Record<string, string>,
    startsAt: isoTime(startsAtMs),
    // What Alertmanager writes for "not yet".
    endsAt: endsAtMs === undefined ? '0001-01-01T00:00:00Z' : isoTime(endsAtMs),
    generatorURL: '',
    fingerprint: key,
  }
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value)),
  )
}

function lineOf({ name, labels, description, endsAtMs }: Notice): string {
  const what = endsAtMs === undefined ? 'FIRING' : 'RESOLVED'
  return `[${what}] ${name} ${labels['flow']} on ${labels['instance_id']} (${labels['environment']}): ${description}`
}
