// Whether something accepts TCP connections at an endpoint: no more, and hardly a cost to either side.

import { connect } from 'node:net'
import { limits } from './limits.ts'
import type { Endpoint } from './network-failure.ts'

/** False after at most `limits.knockMs`, or as soon as the signal aborts. Never rejects. */
export function knockAt({ host, port }: Endpoint, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? connect(host) : connect(port, host)
    const timer = setTimeout(() => finish(false), limits.knockMs)
    const aborted = () => finish(false)
    signal.addEventListener('abort', aborted, { once: true })
    socket.once('connect', () => finish(true))
    socket.on('error', () => finish(false))

    function finish(accepted: boolean) {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      socket.destroy()
      resolve(accepted)
    }
  })
}
