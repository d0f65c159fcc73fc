import t from 'tap'
import { exitCodeFor, type FlowExit, reasonOfFlowExit } from '../../../supervisor/core/exit.ts'

const exited3: FlowExit = { code: 3, signal: undefined, status: 3, oomKilled: false }
const exited0: FlowExit = { code: 0, signal: undefined, status: 0, oomKilled: false }
const terminated: FlowExit = { code: undefined, signal: 'SIGTERM', status: 143, oomKilled: false }
const oomKilled: FlowExit = { code: undefined, signal: 'SIGKILL', status: 137, oomKilled: true }

t.test('R8.2 the reason of a flow exit tells code, signal and OOM apart', async (t) => {
  t.equal(reasonOfFlowExit(exited3), 'flow_exited')
  t.equal(reasonOfFlowExit(terminated), 'flow_signaled')
  t.equal(reasonOfFlowExit(oomKilled), 'flow_oom_killed')
})

t.test('§4 exit codes: ours where we decided, the flow’s where it did', async (t) => {
  t.equal(exitCodeFor({ reason: 'config_invalid' }, undefined, false), 78)
  t.equal(exitCodeFor({ reason: 'dependency_unavailable' }, exited3, false), 69)
  t.equal(exitCodeFor({ reason: 'internal' }, exited3, false), 70)
  t.equal(exitCodeFor({ reason: 'resource_unavailable' }, undefined, false), 73)
  t.equal(exitCodeFor({ reason: 'command_unusable', code: 126 }, undefined, false), 126)
  t.equal(exitCodeFor({ reason: 'flow_exited' }, exited3, false), 3)
  t.equal(exitCodeFor({ reason: 'flow_signaled' }, terminated, false), 143)
  t.equal(exitCodeFor({ reason: 'crash_loop' }, exited3, false), 3)
})

t.test('§4 a stop: the flow’s code, 75 if none ever ran, 0 after a reload', async (t) => {
  t.equal(exitCodeFor({ reason: 'stopped' }, undefined, false), 75)
  t.equal(exitCodeFor({ reason: 'stopped' }, exited0, false), 0)
  t.equal(exitCodeFor({ reason: 'stopped' }, terminated, false), 143)
  t.equal(exitCodeFor({ reason: 'stopped' }, terminated, true), 0)
})

t.test('§4 a flow that never became ready has failed, even if it obeyed its TERM with 0', async (t) => {
  t.equal(exitCodeFor({ reason: 'not_ready' }, exited0, false), 1)
  t.equal(exitCodeFor({ reason: 'not_ready' }, terminated, false), 143)
})
