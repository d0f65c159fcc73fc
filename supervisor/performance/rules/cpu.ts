import type { Finding } from '../../core/performance.ts'
import { cpusAllowed, grown, rate, type Window } from '../window.ts'
import { percent, roundUp, short, span } from '../words.ts'

const setting = '--cpus, resources.limits.cpu'

/** The limit stops every process of the container for the rest of a period once the period's quota is used up. */
export function cpuThrottled(window: Window): Finding[] {
  const { cpuLimit } = window.last
  const periods = grown(window, (sample) => sample.cpuPeriods)
  const throttled = grown(window, (sample) => sample.cpuThrottledPeriods)
  const used = rate(window, (sample) => sample.cpuSeconds)
  if (!cpuLimit || !periods || !throttled || used === undefined) return []
  const share = throttled / periods
  if (share < 0.05) return []
  // In a period that was throttled all of the quota was used up; there it would have taken more.
  const suggested = roundUp(Math.max(used, cpuLimit) * (1 + share), 0.25)
  return [
    {
      id: 'cpu_throttled',
      kind: 'bottleneck',
      weight: share,
      message: `the CPU limit of ${short(cpuLimit)} held processes back in ${percent(share)} of its periods`,
      figures: { throttledShare: share, cpusUsed: used, cpuLimit },
      advice: {
        setting,
        now: short(cpuLimit),
        suggested: String(suggested),
        gain: `work that the processor holds up gets through up to ${short(suggested / cpuLimit)} times as fast, and answers come without pauses of up to a period (100 ms)`,
      },
    },
  ]
}

/** All that may be used is used. */
export function cpuBusy(window: Window): Finding[] {
  const used = rate(window, (sample) => sample.cpuSeconds)
  const allowed = cpusAllowed(window.last)
  if (used === undefined || used < allowed * 0.9 || cpuThrottled(window).length > 0) return []
  const limited = window.last.cpuLimit !== undefined && window.last.cpuLimit < window.last.cpus
  return [
    {
      id: 'cpu_busy',
      kind: 'bottleneck',
      weight: Math.min(1, used / allowed) * 0.8,
      message: `${short(used)} of ${short(allowed)} CPUs are used`,
      figures: { cpusUsed: used, cpusAllowed: allowed },
      advice: {
        setting: limited ? setting : 'replicas, or a machine with more CPUs',
        now: short(allowed),
        suggested: limited ? String(roundUp(allowed * 1.5, 0.25)) : null,
        gain: `as long as the work is bound by the processor, its throughput grows with the CPUs: half as much again with ${short(allowed * 1.5)}`,
      },
    },
  ]
}

/** Others on the machine want the processor, too. */
export function cpuPressure(window: Window): Finding[] {
  const stalled = rate(window, (sample) => sample.pressure?.cpu?.some)
  if (stalled === undefined || stalled < 0.25) return []
  if (cpuThrottled(window).length > 0 || cpuBusy(window).length > 0) return []
  const machine = window.last.pressure?.of === 'machine'
  return [
    {
      id: 'cpu_pressure',
      kind: 'bottleneck',
      weight: Math.min(1, stalled) * (machine ? 0.3 : 0.6),
      message: `${machine ? 'on this machine ' : ''}something waited for a processor in ${percent(stalled)} of the time, although the container stays below what it may use`,
      figures: { stalledShare: stalled },
      advice: {
        setting: '--cpu-shares, resources.requests.cpu',
        now: null,
        suggested: null,
        gain: `with a share of its own it waits less when others are busy: up to ${percent(stalled)} of its time`,
      },
    },
  ]
}

/** Much more than it has needed at any time. */
export function cpuSpare(window: Window): Finding[] {
  const { cpuLimit } = window.last
  const seconds = spanOf(window)
  const used = highestRate(window)
  if (!cpuLimit || cpuLimit <= 0.5 || seconds < 600 || used === undefined || used > cpuLimit / 4) return []
  const suggested = Math.max(0.25, roundUp(used * 2, 0.25))
  if (suggested > cpuLimit / 2) return []
  return [
    {
      id: 'cpu_spare',
      kind: 'spare',
      weight: 1 - used / cpuLimit,
      message: `at most ${short(used)} of ${short(cpuLimit)} CPUs were used in ${span(seconds)}`,
      figures: { cpusUsed: used, cpuLimit, seconds },
      advice: {
        setting,
        now: short(cpuLimit),
        suggested: String(suggested),
        gain: `${short(cpuLimit - suggested)} CPUs for others; twice what it needed at most is left`,
      },
    },
  ]
}

function spanOf({ all, last }: Window): number {
  return (last.atMs - (all[0]?.atMs ?? last.atMs)) / 1000
}

/** The highest rate between two neighbouring samples. */
function highestRate({ all }: Window): number | undefined {
  const rates = all.slice(1).flatMap((last, index) => {
    const first = all[index]
    const by = first && grown({ first, last }, (sample) => sample.cpuSeconds)
    return first === undefined || by === undefined ? [] : [by / Math.max(1, (last.atMs - first.atMs) / 1000)]
  })
  return rates.length === 0 ? undefined : Math.max(...rates)
}
