import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nodeFlags } from '../../../images/node-flags.ts'
import type { Member } from './member.ts'
import type { Stage } from './stage.ts'

/** `flowkeep queue`, on the slots of the state directory that nobody holds. */
export async function askOffline<T>(
  { program, work }: Stage,
  member: Member,
  args: readonly string[],
): Promise<T> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...nodeFlags, program, 'queue', ...args, '--json'],
    {
      cwd: work.path,
      maxBuffer: 1 << 28,
      env: {
        PATH: process.env['PATH'],
        ...member.environment,
        CONTAINER_CONTROL_SOCKET: join(work.path, 'nobody.sock'),
      },
    },
  )
  return JSON.parse(stdout)
}
