// A gate's surroundings under the test's control: dependencies whose answers are scripted, a clock that stands still,
// a log that is kept.

import { setImmediate } from 'node:timers/promises'
import type { CheckResult, Dependency } from '../../../supervisor/core/dependency.ts'
import type { LogFields, Logger } from '../../../supervisor/core/logger.ts'
import { type GateParts, ServiceOrchestrator } from '../../../supervisor/gate/orchestrator.ts'
import { createTestClock, type TestClock } from '../../harness/test-clock.ts'

export const healthy: CheckResult = { ok: true, message: 'fine' }
export const refused: CheckResult = {
  ok: false,
  reason: 'refused',
  message: 'db:5432 refused the connection',
}
export const starting: CheckResult = {
  ok: false,
  reason: 'starting',
  message: 'the database system is starting up',
}
export const timedOut: CheckResult = { ok: false, reason: 'timeout', message: 'no answer' }
export const authentication: CheckResult = { ok: false, reason: 'authentication', message: 'wrong password' }

export interface FakeDependency extends Dependency {
  /** What the next checks answer; the last one stays. `hang` never answers until it is aborted. */
  answers: (CheckResult | 'hang')[]
  /** What the next knocks answer; the last one stays. */
  knocks: boolean[]
  readonly checked: number
  readonly knocked: number
}

export function fakeDependency(options: Partial<FakeDependency> = {}): FakeDependency {
  let checked = 0
  let knocked = 0
  const fake: FakeDependency = {
    ...{ name: 'rpa_db', kind: 'database', required: true, answers: [healthy], knocks: [false] },
    ...options,
    get checked() {
      return checked
    },
    get knocked() {
      return knocked
    },
    async check(signal) {
      checked++
      const answer = fake.answers.length > 1 ? fake.answers.shift() : fake.answers[0]
      if (answer !== 'hang' && answer) return answer
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      return { ok: false, reason: 'timeout', message: 'the check was cancelled' }
    },
    async knock() {
      knocked++
      return (fake.knocks.length > 1 ? fake.knocks.shift() : fake.knocks[0]) ?? false
    },
  }
  return fake
}

export interface LogLine extends LogFields {
  readonly level: string
  readonly message: string
}

export function keepLog(): { lines: LogLine[]; logger: Logger; events(): string[] } {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: LogFields, message: string) =>
    void lines.push({ ...fields, level, message })
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { lines, logger, events: () => lines.map(({ event }) => event) }
}

export interface TestGate {
  readonly gate: ServiceOrchestrator
  readonly clock: TestClock
  readonly lines: LogLine[]
  events(): string[]
}

export function createTestGate(
  dependencies: readonly Dependency[],
  parts: Partial<GateParts> = {},
): TestGate {
  const clock = createTestClock()
  const { lines, logger, events } = keepLog()
  const gate = new ServiceOrchestrator({
    ...{ clock, logger, dependencies, random: () => 1, backoffMinMs: 250, backoffMaxMs: 15_000 },
    redact: (text) => text,
    ...parts,
  })
  return { gate, clock, lines, events }
}

/** Lets everything that can run without time passing run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await setImmediate()
}

/** Moves the clock in steps, so that timers armed on the way fire in their turn. */
export async function pass(clock: TestClock, ms: number, stepMs = 50): Promise<void> {
  await settle()
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left))
    await settle()
  }
}
