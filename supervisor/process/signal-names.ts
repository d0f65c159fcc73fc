// Signal names and numbers, real-time ones included. Node.js knows only the standard ones by name.

import { constants } from 'node:os'

/** glibc keeps 32 and 33 for itself. */
export const firstRealTimeSignal = 34
export const lastRealTimeSignal = 64

/** `SIGTERM` → 15, `SIGRTMIN+3` → 37. Undefined when there is no such signal. */
export function signalNumber(name: string): number | undefined {
  if (Object.hasOwn(constants.signals, name)) return constants.signals[name as NodeJS.Signals]
  const match = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name)
  if (!match) return undefined
  const number = firstRealTimeSignal + Number(match[1] ?? 0)
  return number <= lastRealTimeSignal ? number : undefined
}

/** 15 → `SIGTERM`, 37 → `SIGRTMIN+3`. */
export function signalName(number: number): string {
  if (number === firstRealTimeSignal) return 'SIGRTMIN'
  if (number > firstRealTimeSignal) return `SIGRTMIN+${number - firstRealTimeSignal}`
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`
}
