// The stack of compose/compose.yaml as a test has it: under a project name, ports, passwords and volumes of its own, and
// marked as this process', so that it goes with it whatever happens.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Container, parseContainers } from '../../compose/operate/project.ts'
import { ensureSecrets } from '../../compose/stack/secrets.ts'
import { checkout } from './checkout.ts'
import { prepareEngine, type TestContext } from './container.ts'
import { docker, execute, type Output } from './docker.ts'
import { ownLabels } from './docker-owner.ts'
import { tag } from './images.ts'

export interface StackSettings {
  /** Containers of each flow. */
  readonly replicas: number
  readonly flow1Input: string
  readonly flow2Input: string
  readonly orders: number
}

export interface Stack {
  readonly project: string
  /** A Compose command on it. @throws Error when it fails */
  compose(...command: readonly string[]): Promise<string>
  containers(): Promise<readonly Container[]>
  /** Names of the running containers of one flow, or of all three. */
  running(service?: string): Promise<string[]>
  exec(container: string, ...command: readonly string[]): Promise<Output>
  /** The rows of an answer in the database of the flows. */
  query(sql: string): Promise<string>
  /** Address of what a service publishes. */
  address(service: string, port: number): Promise<string>
  /** Takes a service off a network, and puts it back under its name. */
  cutOff(service: string, network: string): Promise<() => Promise<void>>
}

const flows = ['flow1', 'flow2', 'flow3']
const networks = ['database', 'prefect-database', 'prefect', 'fleet', 'outside']
const volumes = [
  ...['postgres-data', 'prometheus-data', 'alertmanager-data'],
  ...flows.flatMap((flow) => [`${flow}-state`, `${flow}-logs`]),
]
const upSecondsMax = 300

/** Makes it ready to come up; `compose('up', …)` brings it up. */
export async function prepareStack(t: TestContext, settings: StackSettings): Promise<Stack> {
  await prepareEngine()
  const project = `flowkeep-test-${process.pid}`
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-stack-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  ensureSecrets(join(directory, 'secrets'), false)
  // Compose takes JSON for YAML.
  const override = join(directory, 'override.json')
  writeFileSync(override, JSON.stringify(overrideOf(join(directory, 'secrets'), settings)))
  chmodSync(directory, 0o755)
  const files = ['--file', `${checkout}/compose/compose.yaml`, '--file', override]
  const command = ['compose', '--project-name', project, ...files, '--profile', 'monitoring']
  const ports = ['HAPROXY_PORT', 'PREFECT_PORT', 'PROMETHEUS_PORT', 'ALERTMANAGER_PORT']
  const environment = {
    TAG: tag,
    FLOW1_INPUT: settings.flow1Input,
    FLOW2_INPUT: settings.flow2Input,
    FLOWKEEP_ALERTMANAGER_URL: 'http://alertmanager:9093',
    FLOW3_ORDERS: String(settings.orders),
    // Any that is free.
    ...Object.fromEntries(ports.map((name) => [name, '0'])),
  }

  async function compose(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await execute('docker', [...command, ...args], environment)
    if (code !== 0)
      throw new Error(`docker compose ${args.join(' ')}: exit code ${code}:\n${stderr.slice(-4_000)}`)
    return stdout.trimEnd()
  }
  t.teardown(() => compose('down', '--volumes', '--remove-orphans', '--timeout', '1'))

  const containers = async () => parseContainers(await compose('ps', '--all', '--format', 'json'))
  const nameOf = (service: string) => `${project}-${service}-1`
  const exec = (container: string, ...args: readonly string[]) =>
    execute('docker', ['exec', container, ...args])
  return {
    project,
    compose,
    containers,
    exec,
    running: async (service) =>
      (await containers())
        .filter((each) => each.state === 'running')
        .filter((each) => (service ? each.service === service : flows.includes(each.service)))
        .map(({ name }) => name),
    query: async (sql) => {
      const psql = ['psql', '-XAt', '-U', 'postgres', '-d', 'flows', '-c', sql]
      const answer = await exec(nameOf('postgres'), ...psql)
      // On a busy engine `docker exec` itself may fail, and then says nothing; psql always says why.
      const silent = answer.code !== 0 && answer.stderr === ''
      const { code, stdout, stderr } = silent ? await exec(nameOf('postgres'), ...psql) : answer
      if (code !== 0) throw new Error(`psql: exit code ${code}: ${stderr.trim()}`)
      return stdout.trimEnd()
    },
    address: async (service, port) => `http://${await compose('port', service, String(port))}`,
    cutOff: async (service, network) => {
      const name = `${project}_${network}`
      await docker(['network', 'disconnect', name, nameOf(service)])
      return async () =>
        void (await docker(['network', 'connect', '--alias', service, name, nameOf(service)]))
    },
  }
}

export const up = ['up', '--wait', '--wait-timeout', String(upSecondsMax)]

function overrideOf(secrets: string, { replicas }: StackSettings): unknown {
  const labelled = { labels: ownLabels }
  const each = (names: readonly string[], value: unknown) =>
    Object.fromEntries(names.map((name) => [name, value]))
  const secretFile = (name: string) => [name, { file: join(secrets, name) }]
  return {
    services: {
      ...each(['postgres', 'migrate', 'prefect', 'haproxy', 'prometheus', 'alertmanager'], labelled),
      ...each(flows, {
        ...labelled,
        deploy: { replicas },
        // What a lost container held comes back sooner.
        environment: { CONTAINER_RECORDS_LEASE: '15s' },
      }),
    },
    networks: each(networks, labelled),
    volumes: each(volumes, labelled),
    secrets: Object.fromEntries(
      ['postgres_password', 'flows_database_url', 'prefect_database_url'].map(secretFile),
    ),
  }
}
