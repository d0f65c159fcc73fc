// The stack: its files, and the pages it shows. Pure.

import { fileURLToPath } from 'node:url'
import type { Project } from '../operate/project.ts'

export const checkout = fileURLToPath(new URL('../..', import.meta.url))
export const secretsDirectory = `${checkout}compose/secrets`

/** @param monitoring with Prometheus and Alertmanager */
export function stackProject(monitoring: boolean): Project {
  return {
    files: [`${checkout}compose/compose.yaml`],
    name: undefined,
    profiles: monitoring ? ['monitoring'] : [],
  }
}

export interface Page {
  readonly service: string
  readonly title: string
  readonly variable: string
  readonly port: number
  readonly path: string
  /** Only with this profile. */
  readonly profile?: 'monitoring'
}

/** What a browser can open, each on the loopback of the host. */
export const pages: readonly Page[] = [
  { service: 'haproxy', title: 'Fleet', variable: 'HAPROXY_PORT', port: 8080, path: '/stats' },
  { service: 'prefect', title: 'Prefect', variable: 'PREFECT_PORT', port: 4200, path: '/' },
  {
    service: 'prometheus',
    title: 'Prometheus',
    variable: 'PROMETHEUS_PORT',
    port: 9090,
    path: '/targets',
    profile: 'monitoring',
  },
  {
    service: 'alertmanager',
    title: 'Alertmanager',
    variable: 'ALERTMANAGER_PORT',
    port: 9093,
    path: '/',
    profile: 'monitoring',
  },
]

export function pagesOf(monitoring: boolean): readonly Page[] {
  return pages.filter(({ profile }) => monitoring || profile === undefined)
}

export function portOf(page: Page, environment: NodeJS.ProcessEnv): number {
  return Number(environment[page.variable] || page.port)
}
