// The flow's process tree: its group, its session and every descendant, also those that left both.
// Orphans of the flow are adopted by us, so they stay descendants of this process; children that are ours for
// another purpose (health check programs) are not part of it.

import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

export interface ProcessEntry {
  readonly pid: number
  readonly parentPid: number
  readonly groupId: number
  readonly sessionId: number
  /** Exited and not reaped: nothing of it runs any more. */
  readonly dead: boolean
  /** Held by SIGSTOP or SIGTSTP: it takes no other signal before it is continued. */
  readonly stopped: boolean
}

export interface TreeQuestion {
  readonly selfPid: number
  /** The flow's leader, whose pid is also its group's and its session's id. */
  readonly leaderPid: number
  /** Own children outside the tree, whose descendants are left alone, too. */
  readonly helpers: ReadonlySet<number>
}

/** Pids of everything in the tree that is alive, the leader included. */
export function treeMembers(processes: readonly ProcessEntry[], question: TreeQuestion): number[] {
  const childrenOf = new Map<number, ProcessEntry[]>()
  for (const entry of processes) {
    const siblings = childrenOf.get(entry.parentPid)
    if (siblings) siblings.push(entry)
    else childrenOf.set(entry.parentPid, [entry])
  }

  const members = new Set<number>()
  const unvisited = [question.selfPid]
  for (let parent = unvisited.pop(); parent !== undefined; parent = unvisited.pop()) {
    for (const child of childrenOf.get(parent) ?? []) {
      if (question.helpers.has(child.pid) || child.pid === question.selfPid) continue
      unvisited.push(child.pid)
      if (!child.dead) members.add(child.pid)
    }
  }
  for (const entry of processes) {
    if (entry.dead) continue
    if (entry.groupId === question.leaderPid || entry.sessionId === question.leaderPid) members.add(entry.pid)
  }
  return [...members]
}

/** Held open for `listProcesses`, which must be possible when all other descriptors are used up: a stop needs it. */
let spareFd = openSpare()

/** Every process this one can see. One that vanishes meanwhile is left out. */
export function listProcesses(procDirectory = '/proc'): ProcessEntry[] {
  if (spareFd !== undefined) closeSync(spareFd)
  try {
    return readProcesses(procDirectory)
  } finally {
    spareFd = openSpare()
  }
}

function openSpare(): number | undefined {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    return undefined
  }
}

function readProcesses(procDirectory: string): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readdirSync(procDirectory)) {
    if (!/^\d+$/.test(name)) continue
    const entry = readStat(`${procDirectory}/${name}/stat`)
    if (entry) entries.push(entry)
  }
  return entries
}

function readStat(path: string): ProcessEntry | undefined {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
  return parseStat(text)
}

/** `4711 (name) S 1 4711 4711 …`; the name may itself hold parentheses and spaces. */
export function parseStat(text: string): ProcessEntry | undefined {
  const nameEnd = text.lastIndexOf(') ')
  const [state, parentPid, groupId, sessionId] = text.slice(nameEnd + 2).split(' ', 4)
  const pid = Number.parseInt(text, 10)
  if (nameEnd < 0 || state === undefined || sessionId === undefined || Number.isNaN(pid)) return undefined
  return {
    pid,
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    dead: state === 'Z' || state === 'X',
    stopped: state === 'T',
  }
}
