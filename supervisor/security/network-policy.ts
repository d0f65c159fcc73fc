// What the container's network lets it do, against what its configuration needs. Seen from inside and without sending
// anything to anybody: its sockets, its routes, and the addresses of what it needs.

import { tcpSockets } from './checks/network.ts'
import type { Container } from './container.ts'
import { isWithinSubnet, parseRoutes, type Route } from './routes.ts'
import { isLoopback } from './sockets.ts'

export interface Need {
  /** `database:rpa_db` */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Empty where the name could not be looked up. */
  readonly addresses: readonly string[]
  /** A service without TLS; databases have a check of their own. */
  readonly open: boolean
}

export interface Connection {
  readonly address: string
  readonly port: number
  readonly count: number
  /** Which need it serves. */
  readonly for: string | null
}

export interface NetworkReport {
  readonly listening: readonly {
    readonly address: string
    readonly port: number
    readonly allowed: boolean
  }[]
  readonly needed: readonly (Need & { readonly connected: boolean })[]
  /** From here to elsewhere. */
  readonly connections: readonly Connection[]
  /** Networks that can be reached; `default` is everywhere. */
  readonly routes: readonly string[]
  /** What is at odds with the needs, each with what to do. */
  readonly notes: readonly string[]
}

/** @throws Unreadable */
export function networkReport(container: Container, needs: readonly Need[]): NetworkReport {
  const sockets = tcpSockets(container)
  const listening = sockets.filter(({ state }) => state === 'listening').map(({ local }) => local)
  const served = new Set(listening.map(({ port }) => port))
  const outgoing = sockets.filter(
    ({ state, local, remote }) =>
      state === 'established' && !served.has(local.port) && !isLoopback(remote.address),
  )
  const connections = grouped(
    outgoing.map(({ remote }) => remote),
    needs,
  )
  const routes = parseRoutes(container.view.text(`${container.process}/net/route`))
  return {
    listening: unique(listening).map((endpoint) => ({
      ...endpoint,
      allowed: isLoopback(endpoint.address) || container.configured.ports.includes(endpoint.port),
    })),
    needed: needs.map((need) => ({ ...need, connected: connections.some((one) => one.for === need.name) })),
    connections,
    routes: routes.map(({ text }) => text),
    notes: [...notesOnConnections(connections), ...notesOnServices(needs), ...notesOnRoutes(routes, needs)],
  }
}

function grouped(
  endpoints: readonly { readonly address: string; readonly port: number }[],
  needs: readonly Need[],
): Connection[] {
  const counts = new Map<string, Connection>()
  for (const { address, port } of endpoints) {
    const key = `${address} ${port}`
    const serves = needs.find((need) => need.port === port && need.addresses.includes(address))
    const count = (counts.get(key)?.count ?? 0) + 1
    counts.set(key, { address, port, count, for: serves?.name ?? null })
  }
  return [...counts.values()]
}

function notesOnConnections(connections: readonly Connection[]): string[] {
  return connections
    .filter(({ for: need }) => need === null)
    .map(
      ({ address, port, count }) =>
        `${count} connection${count === 1 ? '' : 's'} to ${address} port ${port}, which no database or service of the configuration accounts for`,
    )
}

function notesOnServices(needs: readonly Need[]): string[] {
  return needs
    .filter(
      ({ open, host, addresses }) =>
        open && host !== 'localhost' && !(addresses.length > 0 && addresses.every(isLoopback)),
    )
    .map(
      ({ name, host, port }) =>
        `${name} at ${host} port ${port} is spoken to without TLS: https:// in its URL, where it can`,
    )
}

/** A default route that nothing needs is a way out for whoever gets in. */
function notesOnRoutes(routes: readonly Route[], needs: readonly Need[]): string[] {
  const isOpen = routes.some(({ isDefault }) => isDefault)
  if (!isOpen) return []
  const beyond = needs.filter(
    ({ addresses }) =>
      addresses.length === 0 ||
      !addresses.every(
        (address) =>
          isLoopback(address) || routes.some((route) => !route.isDefault && isWithinSubnet(address, route)),
      ),
  )
  if (beyond.length > 0) return []
  return [
    'a default route leads everywhere, while everything that is needed lies on the networks of the container: make them internal (docker network create --internal; Compose: internal: true; Kubernetes: a NetworkPolicy)',
  ]
}

function unique<T extends { readonly address: string; readonly port: number }>(endpoints: readonly T[]): T[] {
  return [...new Map(endpoints.map((one) => [`${one.address} ${one.port}`, one])).values()]
}
