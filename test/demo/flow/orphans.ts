// Leaves processes behind: each is forked twice, so that its parent is gone and the container's PID 1 has to take it.
// They wait for the end of a pipe and die all at once when it closes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

const script = `
  i=0
  while [ $i -lt "$1" ]; do
    ({ read -r _; } <&3 &)
    i=$((i + 1))
  done`

/** Resolves when they are all told to die. */
export async function leaveOrphans(count: number): Promise<void> {
  const shell = spawn('/bin/sh', ['-c', script, 'sh', String(count)], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  const [status] = await once(shell, 'exit')
  const pipe = shell.stdio[3]
  if (pipe && 'destroy' in pipe) pipe.destroy()
  if (status !== 0) throw new Error(`cannot leave ${count} orphans: the shell ended with ${status}`)
}
