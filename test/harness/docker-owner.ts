// Containers, networks and volumes of tests belong to the test process that made them, by a label with its pid and the time
// it started (pids are used again). They are removed when it ends. If it is killed, a shell that waits for the end of
// its pipe removes them; if that is killed as well, the next test process finds them without an owner and does.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { docker, type Labels, listArguments, removeArguments } from './docker.ts'

export const ownerLabel = 'org.flowkeep.test.owner'

const owner = ownerOf(process.pid) as string

export const ownLabels: Labels = { [ownerLabel]: owner }

/** Removes what test processes that live no more left behind, and sees to it that this one leaves nothing. */
export async function ownContainers(): Promise<void> {
  await removeWhere(ownerLabel, (label) => !isAlive(label))
  startReaper()
}

/** Removes every container, network and volume of this process. */
export function removeOwn(): Promise<void> {
  return removeWhere(`${ownerLabel}=${owner}`, () => true)
}

/** `PID-STARTTIME`, or undefined when there is no such process. */
function ownerOf(pid: number): string | undefined {
  try {
    // Field 22 is the start time; the name in the second may hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return `${pid}-${afterName[19]}`
  } catch {
    return undefined
  }
}

function isAlive(label: string): boolean {
  return ownerOf(Number.parseInt(label, 10)) === label
}

async function removeWhere(label: string, wanted: (owner: string) => boolean): Promise<void> {
  const containers = await find('container', label, wanted)
  if (containers.length > 0) await docker(removeArguments(containers))
  const networks = await find('network', label, wanted)
  if (networks.length > 0) await docker(['network', 'rm', ...networks])
  const volumes = await find('volume', label, wanted)
  if (volumes.length > 0) await docker(['volume', 'rm', ...volumes])
}

async function find(
  kind: 'container' | 'network' | 'volume',
  label: string,
  wanted: (owner: string) => boolean,
): Promise<string[]> {
  const name = kind === 'volume' ? '{{.Name}}' : '{{.ID}}'
  const lines = await docker(listArguments(kind, label, `${name} {{.Label "${ownerLabel}"}}`))
  return lines.split('\n').flatMap((line) => {
    const [id, ownerOfIt] = line.split(' ')
    return id && ownerOfIt && wanted(ownerOfIt) ? [id] : []
  })
}

function startReaper(): void {
  const filter = `--filter=label=${ownerLabel}=${owner}`
  // A session of its own: whoever ends the test file ends its whole process group.
  const script = `
    cat >/dev/null
    docker container ls --all --quiet ${filter} | xargs --no-run-if-empty docker rm --force --volumes
    docker network ls --quiet ${filter} | xargs --no-run-if-empty docker network rm
    docker volume ls --quiet ${filter} | xargs --no-run-if-empty docker volume rm`
  const reaper = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  reaper.unref()
  const pipe = reaper.stdin as unknown as { unref(): void }
  pipe.unref()
}
