// What has to be there before the stack can start: an engine, passwords, free ports, images.

import { checkEngine } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import { readConfiguration } from '../operate/configuration.ts'
import { listContainers, type Project } from '../operate/project.ts'
import { ensureImages } from './images.ts'
import { checkPortNumbers, checkPorts } from './ports.ts'
import { pagesOf, secretsDirectory, stackProject } from './project.ts'
import { ensureSecrets } from './secrets.ts'

export interface Wish {
  /** With Prometheus and Alertmanager. */
  readonly monitoring: boolean
  /** Build the images also where they are there. */
  readonly rebuild: boolean
  /** Whether its ports have to be free, or its own already. */
  readonly ports: boolean
  /** Of the Compose project, where it is not to be that of the file. */
  readonly projectName?: string | undefined
}

/** @throws FlowkeepError that says what has to be mended */
export async function prepareStack(wish: Wish): Promise<Project> {
  const { monitoring, rebuild, ports, projectName: name } = wish
  await checkEngine()
  // The flows send their alerts there.
  if (monitoring) process.env['FLOWKEEP_ALERTMANAGER_URL'] ??= 'http://alertmanager:9093'
  const project = { ...stackProject(monitoring), name }
  const pages = pagesOf(monitoring)
  // Compose would not say which variable it is.
  checkPortNumbers(pages, process.env)
  const configuration = await readConfiguration(project)
  const databaseVolume = configuration.volumes?.['postgres-data']?.name ?? ''
  const { code } = await capture('docker', ['volume', 'inspect', databaseVolume])
  if (ensureSecrets(secretsDirectory, code === 0)) console.error('compose/secrets: passwords made up')
  if (ports) {
    const running = (await listContainers(project)).filter(({ state }) => state === 'running')
    await checkPorts(pages, new Set(running.map(({ service }) => service)), process.env)
  }
  await ensureImages(configuration, rebuild)
  return project
}
