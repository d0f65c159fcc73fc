// Every alert that a supervisor raises by itself, beside the rules that Prometheus evaluates over its metrics. Each has
// its page in `runbooks/alerts/`.

export type Severity = 'critical' | 'warning' | 'info'

export interface CatalogueEntry {
  readonly severity: Severity
  readonly title: string
  /** Milliseconds that its condition must have held before it is raised. */
  readonly afterMs: number
}

const atOnce = 0
const minuteMs = 60_000

export const alertCatalogue = {
  FlowkeepContainerFailed: {
    severity: 'critical',
    title: 'The container ends, and not because it was told to',
    afterMs: atOnce,
  },
  FlowkeepCrashLooping: { severity: 'critical', title: 'The flow keeps crashing', afterMs: atOnce },
  FlowkeepFlowOutOfMemory: {
    severity: 'critical',
    title: 'The flow was ended for want of memory',
    afterMs: atOnce,
  },
  FlowkeepFlowStuck: { severity: 'critical', title: 'The flow lives and gets nowhere', afterMs: atOnce },
  FlowkeepDependencyDown: {
    severity: 'critical',
    title: 'A database or service has been away for minutes',
    afterMs: 2 * minuteMs,
  },
  FlowkeepDiskCritical: {
    severity: 'critical',
    title: 'A disk is all but full, and no new work is taken',
    afterMs: atOnce,
  },
  FlowkeepDiskLow: { severity: 'warning', title: 'A disk is running full', afterMs: minuteMs },
  FlowkeepQueueFull: { severity: 'critical', title: 'The local queue takes nothing new', afterMs: atOnce },
  FlowkeepQueueDamaged: {
    severity: 'critical',
    title: 'Corruption was found in the local queue',
    afterMs: atOnce,
  },
  FlowkeepDeadLetters: {
    severity: 'warning',
    title: 'Operations can never succeed and wait for a person',
    afterMs: atOnce,
  },
  FlowkeepOperationsHeld: {
    severity: 'warning',
    title: 'Operations wait for a permission',
    afterMs: minuteMs,
  },
  FlowkeepRecordsFenced: {
    severity: 'warning',
    title: 'Work was finished too late, or twice, and refused',
    afterMs: atOnce,
  },
  FlowkeepCheckFailing: {
    severity: 'warning',
    title: 'A health check has failed for minutes',
    afterMs: 2 * minuteMs,
  },
  FlowkeepConfigurationRefused: {
    severity: 'warning',
    title: 'Changed settings are not sound, and the old ones stay',
    afterMs: atOnce,
  },
  FlowkeepSecurityFindings: {
    severity: 'critical',
    title: 'A critical security check fails in this container',
    afterMs: atOnce,
  },
  FlowkeepTest: { severity: 'info', title: 'A test of the way alerts take', afterMs: atOnce },
} as const satisfies Record<string, CatalogueEntry>

export type AlertName = keyof typeof alertCatalogue

/** Something that is so now. */
export interface Condition {
  readonly name: AlertName
  /** What it is about, where there may be several: a path, a target, a check. */
  readonly subject?: readonly [label: string, value: string]
  /** One line, free of secrets. */
  readonly description: string
}

export function keyOf({ name, subject }: Pick<Condition, 'name' | 'subject'>): string {
  return subject ? `${name}/${subject.join('=')}` : name
}
