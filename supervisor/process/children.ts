// Every process of ours is started here, so that the reaper knows it before its exit can be observed:
// reaping it ourselves would steal the exit status that Node.js waits for.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

export interface Children {
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess
  /** Whether Node.js reaps this pid. */
  isOwn(pid: number): boolean
  /** Children that are not the flow: health check programs and the like. */
  helpers(): ReadonlySet<number>
  /** From now on this child counts as the flow. */
  markFlow(pid: number): void
}

/** @param reaped called after Node.js reaped one of ours: orphans behind it may now be reached */
export function createChildren(reaped: () => void): Children {
  const own = new Set<number>()
  const flows = new Set<number>()
  return {
    spawn(file, args, options) {
      const child = spawn(file, args, options)
      const { pid } = child
      if (pid !== undefined) {
        own.add(pid)
        child.once('exit', () => {
          own.delete(pid)
          flows.delete(pid)
          reaped()
        })
      }
      return child
    },
    isOwn: (pid) => own.has(pid),
    helpers: () => new Set([...own].filter((pid) => !flows.has(pid))),
    markFlow: (pid) => flows.add(pid),
  }
}
