// Alerts, put together for the running supervisor and for `flowkeep alert test`: the receivers that the settings name,
// what is looked at, and the last word before the container goes down. What it is made of is loaded where a receiver is
// named.

import type { AlertName, Condition } from './alerts/catalogue.ts'
import type { AlertView } from './alerts/conditions.ts'
import { holdsAlerts } from './alerts/kept-file.ts'
import type { Sink } from './alerts/notice.ts'
import type { AlertOffice } from './alerts/office.ts'
import type { Answer } from './alerts/try-out.ts'
import type { Settings } from './config/settings.ts'
import { type Clock, sleep } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Cause, ExitReason } from './core/exit.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import type { RecordsStats } from './core/records.ts'
import type { Redact } from './core/secret.ts'
import type { OpenAlert } from './core/status.ts'

export interface AlertHost {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly redact: Redact
  readonly service: string
  readonly instance: string
  /** As they are now. */
  settings(): Settings
  view(): AlertView
  /** Undefined until they can be had. */
  records(): RecordsStats | undefined
  /** Whether the flow has been running in this life of the container. */
  hasBeenRunning(): boolean
  counted(sink: string, result: string, count: number): void
}

export interface Alerts {
  /** Whether somebody has left alerts in this slot that can be told here. */
  holds(slot: string): boolean
  /** Takes them on. Never rejects. */
  adopt(slot: string): Promise<void>
  /** Those that are raised and not over; null where no receiver is named. */
  open(): OpenAlert[] | null
  /** @param directory of the slot, where alerts are kept, if there is one */
  start(directory: string | undefined): void
  reconfigure(): void
  flowExited(reason: ExitReason): void
  flowStuck(what: 'restarted' | 'left'): void
  /** @param message how the supervisor before this one ended itself */
  supervisorHung(message: string): void
  /** @param failed how many security checks failed, by severity */
  securityChecked(failed: Readonly<Record<string, number>>): void
  /** Tells why the container ends, and what is still to be told, within the time there is. Never rejects. */
  end(cause: Cause, exitCode: number | undefined, withinMs: number): Promise<void>
}

interface Event {
  readonly condition: Condition
  /** Monotonic ms. */
  readonly untilMs: number
}

export function createAlerts(host: AlertHost): Alerts {
  const { clock, logger } = host
  const events = new Map<AlertName, Event>()
  let isLooking = false
  let office: Promise<AlertOffice> | undefined
  /** Once it is open. */
  let ours: AlertOffice | undefined
  let slot: string | undefined
  let fenced = 0
  let ending: Promise<void> | undefined

  const isWanted = () => areWanted(host.settings())
  const failed = (error: unknown) =>
    logger.error({ event: 'alert.failed' }, `alerts failed: ${host.redact(messageOf(error))}`)

  function happened(condition: Condition, forMs: number = limits.alertEventMs): void {
    events.set(condition.name, { condition, untilMs: clock.monotonicMs() + forMs })
    void look().catch(failed)
  }

  async function look(): Promise<void> {
    if (office === undefined || ending !== undefined) return
    const [ours, { conditionsOf }] = await Promise.all([office, import('./alerts/conditions.ts')])
    lookForFenced()
    const nowMs = clock.monotonicMs()
    for (const [name, { untilMs }] of events) if (untilMs < nowMs) events.delete(name)
    const happening = [...events.values()].map(({ condition }) => condition)
    ours.observe([...conditionsOf(host.view()), ...happening], host.hasBeenRunning())
  }

  function lookForFenced(): void {
    const queues = Object.values(host.records()?.queues ?? {})
    const now = queues.reduce((sum, { fenced: ofQueue }) => sum + ofQueue, 0)
    if (now > fenced) {
      const description = `${now} settlements of records that had a newer owner were refused so far`
      const untilMs = clock.monotonicMs() + limits.alertEventMs
      events.set('FlowkeepRecordsFenced', {
        condition: { name: 'FlowkeepRecordsFenced', description },
        untilMs,
      })
    }
    fenced = now
  }

  function opened(): Promise<AlertOffice> {
    if (office === undefined) {
      office = openOffice(host)
      office.then((opened) => {
        ours = opened
      }, failed)
    }
    return office
  }

  function lookRegularly(): void {
    if (isLooking) return
    isLooking = true
    const later = () => {
      clock.startTimer(limits.alertLookMs, () => {
        void look().catch(failed)
        if (ending === undefined) later()
      })
    }
    later()
  }

  async function begin(): Promise<void> {
    if (!isWanted() || slot === undefined) return
    lookRegularly()
    await (await opened()).keepIn(slot)
  }

  async function tellLast(last: Condition | undefined, withinMs: number): Promise<void> {
    if (!isWanted() || (last === undefined && office === undefined)) return
    const untilMs = clock.monotonicMs() + withinMs
    await (await opened()).last(last, untilMs)
  }

  return {
    holds: (directory) => isWanted() && holdsAlerts(directory),
    async adopt(directory) {
      await opened()
        .then((ours) => ours.adopt(directory))
        .catch(failed)
    },
    open: () => (isWanted() ? (ours?.open() ?? []) : null),
    start(directory) {
      slot = directory
      begin().catch(failed)
    },
    reconfigure() {
      if (office === undefined) return void begin().catch(failed)
      office = Promise.all([office, createSinks(host.settings())]).then(([ours, sinks]) => {
        ours.hire(sinks)
        return ours
      })
      office.catch(failed)
    },
    flowExited(reason) {
      if (reason !== 'flow_oom_killed') return
      happened({
        name: 'FlowkeepFlowOutOfMemory',
        description: 'the kernel killed the flow for want of memory',
      })
    },
    flowStuck(what) {
      const done =
        what === 'restarted' ? 'it was restarted' : 'it was left alone: the limit of restarts is reached'
      happened({ name: 'FlowkeepFlowStuck', description: `the flow made no progress; ${done}` })
    },
    supervisorHung(message) {
      happened(lastOf({ reason: 'internal', message }))
    },
    securityChecked({ critical = 0 }) {
      if (critical === 0) return
      const description = `${critical} critical security checks fail: flowkeep security says which`
      happened({ name: 'FlowkeepSecurityFindings', description }, Number.POSITIVE_INFINITY)
    },
    end(cause, exitCode, withinMs) {
      ending ??= (async () => {
        const last = lastCondition(cause, exitCode)
        // What is kept on disk can be told by the next one, too: a stop does not wait long for it.
        const mostMs = Math.min(withinMs, last ? limits.alertLastMs : limits.alertStopMs)
        const patience = new AbortController()
        const late = sleep(clock, mostMs, patience.signal).catch(() => {})
        await Promise.race([tellLast(last, mostMs).catch(failed), late])
        patience.abort()
      })()
      return ending
    },
  }
}

/** Why the container ends, unless it was told to or its work is done. */
function lastCondition(cause: Cause, exitCode: number | undefined): Condition | undefined {
  const { reason } = cause
  if (reason === 'stopped' || (reason === 'flow_exited' && exitCode === 0)) return undefined
  return lastOf(cause)
}

function lastOf({ reason, message }: Cause): Condition {
  return {
    name: 'FlowkeepContainerFailed',
    subject: ['reason', reason],
    description: message === undefined ? reason : `${reason}: ${message}`,
  }
}

async function openOffice(host: AlertHost): Promise<AlertOffice> {
  const [{ AlertOffice }, { post }] = await Promise.all([
    import('./alerts/office.ts'),
    import('./alerts/post.ts'),
  ])
  const { service: flow, instance: instance_id, settings } = host
  const { environment } = settings()
  const office = new AlertOffice({ ...host, post, labels: { flow, instance_id, environment } })
  office.hire(await createSinks(settings()))
  return office
}

function areWanted({ alerts }: Settings): boolean {
  return [alerts.alertmanagerUrl, alerts.webhookUrl, alerts.pagerDutyKey].some((named) => named !== undefined)
}

/** To each receiver of the settings. */
export async function testAlerts(
  settings: Settings,
  { clock, redact }: Pick<AlertHost, 'clock' | 'redact'>,
): Promise<readonly Answer[]> {
  const [{ tryOut }, { post }] = await Promise.all([
    import('./alerts/try-out.ts'),
    import('./alerts/post.ts'),
  ])
  const { flow, instanceId: instance_id, environment } = settings
  return tryOut(await createSinks(settings), {
    ...{ clock, redact, post },
    labels: { flow: flow.name, instance_id, environment },
  })
}

async function createSinks({ alerts }: Settings): Promise<Sink[]> {
  const { alertmanagerUrl, alertmanagerAuth, webhookUrl, webhookAuth, pagerDutyKey, pagerDutyUrl } = alerts
  const [{ createAlertmanager }, { createWebhook }, { createPagerDuty }] = await Promise.all([
    import('./alerts/alertmanager.ts'),
    import('./alerts/webhook.ts'),
    import('./alerts/pagerduty.ts'),
  ])
  return [
    ...(alertmanagerUrl ? [createAlertmanager(alertmanagerUrl, alertmanagerAuth)] : []),
    ...(webhookUrl ? [createWebhook(webhookUrl, webhookAuth)] : []),
    ...(pagerDutyKey ? [createPagerDuty(pagerDutyKey, pagerDutyUrl)] : []),
  ]
}
