// What the container uses beside memory and processor time, and how the sessions of each database are used.

import { Counter, Gauge, type Registry } from 'prom-client'
import { limits } from '../core/limits.ts'
import type { Pressure, Sample, SessionFigures } from '../core/performance.ts'

export type PerformanceFigures = Pick<
  Sample,
  | 'cpuLimit'
  | 'databases'
  | 'loopActiveMs'
  | 'loopIdleMs'
  | 'pids'
  | 'pidsLimit'
  | 'pressure'
  | 'readBytes'
  | 'tcpInUse'
  | 'writtenBytes'
>

/** @param read the figures of this scrape */
export function addPerformance(registry: Registry, read: () => PerformanceFigures | undefined): void {
  const gauge = (name: string, help: string, figure: (figures: PerformanceFigures) => number | undefined) =>
    new Gauge({
      name: `flowkeep_${name}`,
      help,
      registers: [registry],
      collect() {
        const figures = read()
        const value = figures && figure(figures)
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  gauge('container_cpu_limit_cpus', 'CPUs the container may use; absent without a limit.', (f) => f.cpuLimit)
  gauge('container_pids', 'Processes and threads of the container.', (f) => f.pids)
  gauge('container_pids_limit', 'How many it may have; absent without a limit.', (f) => f.pidsLimit)
  gauge('container_tcp_sockets', 'TCP sockets of the container’s network namespace.', (f) => f.tcpInUse)
  addPressure(registry, () => read()?.pressure)
  addLabelled(registry, 'container_io_bytes_total', 'Bytes read from and written to block devices.', {
    label: 'direction',
    read: () => ({ read: read()?.readBytes, written: read()?.writtenBytes }),
  })
  addLabelled(registry, 'event_loop_seconds_total', 'Time the event loop was busy, and idle.', {
    label: 'state',
    read: () => ({ active: seconds(read()?.loopActiveMs), idle: seconds(read()?.loopIdleMs) }),
  })
  addSessions(registry, () => read()?.databases ?? {})
}

function addPressure(registry: Registry, read: () => Pressure | undefined): void {
  new Counter({
    name: 'flowkeep_pressure_stalled_seconds_total',
    help: 'Time in which something (some) or everything (full) waited for a resource, of the container or of the whole machine.',
    labelNames: ['resource', 'kind', 'of'],
    registers: [registry],
    collect() {
      this.reset()
      const pressure = read()
      if (!pressure) return
      for (const resource of ['cpu', 'memory', 'io'] as const) {
        for (const kind of ['some', 'full'] as const) {
          const stalled = pressure[resource]?.[kind]
          if (stalled !== undefined) this.inc({ resource, kind, of: pressure.of }, stalled)
        }
      }
    },
  })
}

function addSessions(registry: Registry, read: () => Readonly<Record<string, SessionFigures>>): void {
  const bounded = () =>
    Object.entries(read())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limits.metricTargets)
  const gauge = (name: string, help: string, figure: (figures: SessionFigures) => number) =>
    new Gauge({
      ...{ name: `flowkeep_database_${name}`, help, labelNames: ['database'], registers: [registry] },
      collect() {
        this.reset()
        for (const [database, figures] of bounded()) this.set({ database }, figure(figures))
      },
    })
  const total = (name: string, help: string, figure: (figures: SessionFigures) => number) =>
    new Counter({
      ...{ name: `flowkeep_database_${name}`, help, labelNames: ['database'], registers: [registry] },
      collect() {
        this.reset()
        for (const [database, figures] of bounded()) this.inc({ database }, figure(figures))
      },
    })
  gauge('sessions_max', 'Sessions the supervisor may have open.', ({ size }) => size)
  gauge('sessions_in_use', 'Sessions at work, or being opened.', ({ inUse }) => inUse)
  gauge('sessions_waited_for', 'Callers that wait for one.', ({ waiting }) => waiting)
  total('session_uses_total', 'Uses of a session.', ({ uses }) => uses)
  total('session_used_seconds_total', 'Time sessions were in use.', ({ usedMs }) => usedMs / 1000)
  total('session_waited_seconds_total', 'Time callers waited for one.', ({ waitedMs }) => waitedMs / 1000)
}

function addLabelled(
  registry: Registry,
  name: string,
  help: string,
  { label, read }: { label: string; read: () => Record<string, number | undefined> },
): void {
  new Counter({
    ...{ name: `flowkeep_${name}`, help, labelNames: [label], registers: [registry] },
    collect() {
      this.reset()
      for (const [key, value] of Object.entries(read()))
        if (value !== undefined) this.inc({ [label]: key }, value)
    },
  })
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}
