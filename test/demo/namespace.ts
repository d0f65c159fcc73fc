// Whether this machine lets us have a PID namespace, where the supervisor is PID 1 as in a container.

import { spawnSync } from 'node:child_process'

export interface Namespace {
  /** What to put before the command; empty without a namespace. */
  readonly launcher: readonly string[]
  /** For people: how the supervisor runs. */
  readonly description: string
}

const pidNamespace = ['--pid', '--fork', '--mount-proc', '--kill-child=KILL']

export function findNamespace(isWanted: boolean): Namespace {
  if (!isWanted) return none('as --no-namespace asks')
  const launcher =
    process.getuid?.() === 0
      ? ['unshare', ...pidNamespace]
      : ['unshare', '--user', '--map-root-user', ...pidNamespace]
  const [file = '', ...args] = launcher
  const { error, status, stderr } = spawnSync(file, [...args, 'true'], { encoding: 'utf8' })
  if (status !== 0) return none(error?.message ?? stderr.trim())
  const through = launcher.includes('--user') ? ', through a user namespace' : ''
  return { launcher, description: `as PID 1 of a PID namespace of its own${through}` }
}

function none(why: string): Namespace {
  return {
    launcher: [],
    description: `as an ordinary process that adopts orphans (no PID namespace: ${why})`,
  }
}
