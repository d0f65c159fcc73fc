// One line of JSON for each build that ran, in the cache directory: what `flowkeepctl build --report` reads.

import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../../supervisor/core/errors.ts'
import { writeWhole } from '../host/cache-directory.ts'
import { criticalPath, isInstruction, type Progress } from './progress.ts'

export interface BuildEntry {
  /** ISO time of its end. */
  readonly at: string
  readonly ok: boolean
  readonly targets: readonly string[]
  /** Targets whose image came out as it was. */
  readonly unchanged: readonly string[]
  /** Why it ran, the first few causes. */
  readonly causes: readonly string[]
  readonly options: readonly string[]
  readonly durationMs: number
  readonly steps: { readonly all: number; readonly cached: number }
  /** The steps that the end waited for, with the time of each; quick ones are left out. */
  readonly critical: readonly { readonly name: string; readonly ms: number }[]
}

/** Builds kept, and how many more may gather before the file is cut to that. */
const entriesMax = 300
const entriesSlack = 100
const criticalStepsMax = 12
const criticalStepMsMin = 50
const stepNameChars = 160

export function measuresOf(progress: Progress): Pick<BuildEntry, 'steps' | 'critical'> {
  const steps = progress.steps()
  const instructions = [...steps.values()].filter(isInstruction)
  const critical = criticalPath(steps)
    .map(({ name, startedMs, endedMs }) => ({ name: name.slice(0, stepNameChars), ms: endedMs - startedMs }))
    .filter(({ ms }) => ms >= criticalStepMsMin)
  return {
    steps: { all: instructions.length, cached: instructions.filter(({ cached }) => cached).length },
    critical: critical.slice(-criticalStepsMax),
  }
}

export function addToHistory(directory: string, entry: BuildEntry): void {
  mkdirSync(directory, { recursive: true })
  appendFileSync(fileOf(directory), `${JSON.stringify(entry)}\n`)
  const entries = readHistory(directory, Number.POSITIVE_INFINITY)
  if (entries.length > entriesMax + entriesSlack) {
    const kept = entries.slice(-entriesMax).map((each) => `${JSON.stringify(each)}\n`)
    writeWhole(fileOf(directory), kept.join(''))
  }
}

/** The last builds, the oldest first. A line that was written by half is skipped. */
export function readHistory(directory: string, count = entriesMax): BuildEntry[] {
  let text: string
  try {
    text = readFileSync(fileOf(directory), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
  return text
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as BuildEntry]
      } catch {
        return []
      }
    })
    .slice(-count)
}

function fileOf(directory: string): string {
  return join(directory, 'builds.jsonl')
}
