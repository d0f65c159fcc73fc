// What may run out: processes, files, ports; and the disk, which may be slow.

import type { Finding } from '../../core/performance.ts'
import { peak, rate, type Window } from '../window.ts'
import { mebibytes, percent, roundUp, short } from '../words.ts'

const nearLimit = 0.8
/** Ports that Linux gives to outgoing connections, unless told otherwise. */
const outgoingPorts = 28_232

export function processesNearLimit(window: Window): Finding[] {
  const limit = window.last.pidsLimit
  const most = peak(window, ({ pids }) => pids)
  if (!limit || most === undefined || most < limit * nearLimit) return []
  const suggested = roundUp(most * 2, 50)
  return [
    {
      id: 'processes_near_limit',
      kind: 'risk',
      weight: most / limit,
      message: `up to ${most} of ${limit} processes and threads were there`,
      figures: { pids: most, pidsLimit: limit },
      advice: {
        setting: '--pids-limit',
        now: String(limit),
        suggested: String(suggested),
        gain: 'the flow can start threads and processes as it needs them; at the limit a start fails (EAGAIN)',
      },
    },
  ]
}

export function filesNearLimit(window: Window): Finding[] {
  return [
    ...filesOf(
      window,
      'supervisor',
      'connections to the control socket and to the databases are not refused',
    ),
    ...filesOf(
      window,
      'flow',
      'it can open what it needs; at the limit each open and connect fails (EMFILE)',
    ),
  ]
}

function filesOf(window: Window, who: 'supervisor' | 'flow', gain: string): Finding[] {
  const limit = window.last[who]?.openFilesLimit
  const most = peak(window, (sample) => sample[who]?.openFiles)
  if (!limit || most === undefined || most < limit * nearLimit) return []
  return [
    {
      id: 'files_near_limit',
      kind: 'risk',
      weight: most / limit,
      message: `the ${who} had up to ${most} of ${limit} files and connections open`,
      figures: { openFiles: most, openFilesLimit: limit },
      advice: {
        ...{ setting: '--ulimit nofile', now: String(limit), suggested: String(roundUp(most * 2, 256)) },
        gain,
      },
    },
  ]
}

export function portsInTimeWait(window: Window): Finding[] {
  const most = peak(window, ({ tcpTimeWait }) => tcpTimeWait)
  if (most === undefined || most < outgoingPorts / 4) return []
  return [
    {
      id: 'connections_not_kept',
      kind: 'risk',
      weight: Math.min(1, most / outgoingPorts),
      message: `up to ${most} closed connections still took up a port, of about ${outgoingPorts} for each destination`,
      figures: { tcpTimeWait: most, ports: outgoingPorts },
      advice: {
        setting: 'the flow: one session or pool for many requests (keep-alive)',
        now: null,
        suggested: null,
        gain: `${short(most / 60)} connections a second need not be opened, each with its round trips`,
      },
    },
  ]
}

export function disksNearlyFull(window: Window): Finding[] {
  const { cleanupPaths, diskLowPercent } = window.tunables
  return [...window.disks].flatMap(([path, { freeBytes, sizeBytes }]): Finding[] => {
    const free = sizeBytes > 0 ? freeBytes / sizeBytes : 1
    if (free * 100 >= diskLowPercent) return []
    return [
      {
        id: 'disk_nearly_full',
        kind: 'risk',
        weight: 1 - free,
        message: `${mebibytes(freeBytes)} of ${mebibytes(sizeBytes)} are free under ${path} (${percent(free)})`,
        figures: { freeBytes, sizeBytes },
        advice: {
          setting: cleanupPaths === 0 ? 'CONTAINER_CLEANUP_PATHS, or a larger volume' : 'a larger volume',
          now: null,
          suggested: null,
          gain: 'the local queue goes on taking work, which it refuses when the disk is full',
        },
      },
    ]
  })
}

/** Something waited for a disk. */
export function ioPressure(window: Window): Finding[] {
  const stalled = rate(window, ({ pressure }) => pressure?.io?.some)
  if (stalled === undefined || stalled < 0.2) return []
  const machine = window.last.pressure?.of === 'machine'
  const written = rate(window, ({ writtenBytes }) => writtenBytes) ?? 0
  const read = rate(window, ({ readBytes }) => readBytes) ?? 0
  return [
    {
      id: 'io_pressure',
      kind: 'bottleneck',
      weight: Math.min(1, stalled) * (machine ? 0.3 : 0.8),
      message: `${machine ? 'on this machine ' : ''}something waited for a disk in ${percent(stalled)} of the time (the container read ${short(read / 1024)} and wrote ${short(written / 1024)} KiB/s)`,
      figures: { stalledShare: stalled, readBytesPerSecond: read, writtenBytesPerSecond: written },
      advice: {
        setting: 'the volumes of the flow and of CONTAINER_STATE_DIRECTORY',
        now: null,
        suggested: 'a faster disk, or temporary files on tmpfs',
        gain: `up to ${percent(stalled)} of the time back`,
      },
    },
  ]
}
