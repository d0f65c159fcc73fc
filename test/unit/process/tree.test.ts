import t from 'tap'
import { listProcesses, type ProcessEntry, parseStat, treeMembers } from '../../../supervisor/process/tree.ts'

function entry(pid: number, parentPid: number, group = pid, session = group, dead = false): ProcessEntry {
  return { pid, parentPid, groupId: group, sessionId: session, dead, stopped: false }
}

const question = { selfPid: 1, leaderPid: 10, helpers: new Set<number>() }

t.test('§4 descendants are found beyond group and session', async (t) => {
  const processes = [
    entry(1, 0),
    entry(10, 1),
    entry(11, 10, 10, 10), // in the group
    entry(12, 11, 12, 10), // own group
    entry(13, 12, 13, 13), // own session
    entry(14, 1, 14, 14), // adopted orphan
    entry(15, 14, 14, 14),
    entry(99, 0, 99, 99), // started by `docker exec`: not ours
  ]
  t.same(treeMembers(processes, question).sort(), [10, 11, 12, 13, 14, 15])
})

t.test('§4 the dead do not count, but what they leave behind does', async (t) => {
  const processes = [entry(1, 0), entry(10, 1, 10, 10, true), entry(11, 10, 10, 10)]
  t.same(treeMembers(processes, question), [11])
})

t.test('§4 health check programs and their children are left alone', async (t) => {
  const processes = [entry(1, 0), entry(10, 1), entry(20, 1), entry(21, 20, 20, 20)]
  t.same(treeMembers(processes, { ...question, helpers: new Set([20]) }), [10])
})

t.test('§4 without adoption the group and the session still belong to the flow', async (t) => {
  const processes = [entry(500, 1), entry(10, 500), entry(11, 1, 10, 10), entry(12, 1, 12, 10)]
  t.same(treeMembers(processes, { ...question, selfPid: 500 }).sort(), [10, 11, 12])
})

t.test('§4 a process name cannot fake its own entry', async (t) => {
  t.same(parseStat('42 (evil) S 1 1 1) Z 7 8 9 0 -1'), {
    pid: 42,
    parentPid: 7,
    groupId: 8,
    sessionId: 9,
    dead: true,
    stopped: false,
  })
  t.equal(parseStat(''), undefined)
  t.equal(parseStat('42 (cut'), undefined)
})

t.test('§4 this process finds itself in /proc', async (t) => {
  const self = listProcesses().find(({ pid }) => pid === process.pid)
  t.match(self, { parentPid: process.ppid, dead: false })
})
