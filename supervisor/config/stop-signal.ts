// Names of signals as people and Dockerfiles write them, brought to one form: `SIGTERM`, `SIGRTMIN+3`.

import { constants } from 'node:os'
import { accept, defineFormat, type Parsed, refuse } from './format.ts'
import { nearest } from './nearest.ts'

/** From SIGRTMIN (34, since glibc keeps two for itself) to SIGRTMAX (64). */
const realTimeSpan = 30

/** No process can act on these two. */
const unusable = ['SIGKILL', 'SIGSTOP']
const known = Object.keys(constants.signals).filter((name) => !unusable.includes(name))

export const stopSignal = defineFormat<string>({
  expected: 'the name of a signal a process can act on, such as SIGTERM, INT or SIGRTMIN+3',
  parse: parseSignal,
  show: (value) => value,
})

function parseSignal(text: string): Parsed<string> {
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  if (/^\d+$/.test(text)) return refuseNumber(text)
  if (unusable.includes(name)) {
    return refuse('no process can act on it', 'SIGKILL follows by itself when the grace period ends.')
  }
  if (known.includes(name)) return accept(name)
  const offset = realTimeOffset(name)
  if (offset !== undefined) return accept(offset === 0 ? 'SIGRTMIN' : `SIGRTMIN+${offset}`)
  const meant = nearest(name, known)
  return refuse(undefined, meant === undefined ? undefined : `Did you mean ${meant}?`)
}

/** `SIGRTMIN+3` → 3, `SIGRTMAX-1` → 29; undefined when it is no real-time signal. */
function realTimeOffset(name: string): number | undefined {
  const match = /^SIGRT(?:MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)$/.exec(name)
  if (!match) return undefined
  const [, up, down] = match
  const offset = name.startsWith('SIGRTMAX') ? realTimeSpan - Number(down ?? 0) : Number(up ?? 0)
  return offset >= 0 && offset <= realTimeSpan ? offset : undefined
}

function refuseNumber(text: string): Parsed<never> {
  const meant = known.find((name) => String(constants.signals[name as NodeJS.Signals]) === text)
  return refuse('it is a number', meant === undefined ? undefined : `Write its name: ${meant}`)
}
