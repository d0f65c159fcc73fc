// Services of Compose files and containers of the engine, asked by every rule.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { engineProblem, lastLine } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import { composeArguments, type Project } from '../operate/project.ts'
import { imageFactsOf, processesIn, volumeOptions } from './engine.ts'
import { accept, exceptionsIn, judgeExceptions } from './exceptions.ts'
import { type Finding, findingOf, type Subject } from './finding.ts'
import { type ComposeProject, externalVolumes, imageOf, workloadsOf } from './from-compose.ts'
import { type InspectedContainer, workloadOf } from './from-inspect.ts'
import { imageRules } from './image-rules.ts'
import { judge } from './verdict.ts'
import type { Engine, Workload } from './workload.ts'
import { workloadRules } from './workload-rules.ts'

/** @throws FlowkeepError with what Compose says of files that it refuses */
export async function resolveProject(project: Project): Promise<ComposeProject> {
  const { code, stdout, stderr } = await capture(
    'docker',
    composeArguments(project, ['config', '--format', 'json']),
  )
  if (code === 0) return JSON.parse(stdout) as ComposeProject
  const files = project.files.join(', ')
  throw (
    engineProblem(stderr) ??
    new FlowkeepError('tool_failed', {
      operation: 'cannot look at the services',
      subject: files,
      message: `Compose refuses ${files}: ${lastLine(stderr)}`,
      hint: `Mend the file; docker compose${project.files.map((file) => ` -f ${file}`).join('')} config --quiet says whether it is sound.`,
    })
  )
}

export async function servicesOf(project: ComposeProject, engine: Engine): Promise<Workload[]> {
  const images = await imageFactsOf(Object.values(project.services ?? {}).map(imageOf))
  return workloadsOf(project, engine, images, await volumeOptions(externalVolumes(project)))
}

/** @param file as a person names it */
export function lookAtServices(services: readonly Workload[], file: string): Finding[] {
  return services.flatMap((workload) =>
    findingsOf(workload, { ...subjectOf(workload), section: 'services', file }),
  )
}

/** @param fileOf the file that a container comes from, as a person names it */
export async function lookAtContainers(
  containers: readonly InspectedContainer[],
  fileOf: (container: InspectedContainer) => string,
  engine: Engine,
): Promise<Finding[]> {
  const images = await imageFactsOf(containers.map(({ Image }) => Image))
  const processes = await Promise.all(containers.map(async ({ Id }) => [Id, await processesIn(Id)] as const))
  const volumes = await volumeOptions(
    containers.flatMap(({ Mounts }) =>
      (Mounts ?? []).flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])),
    ),
  )
  const running = new Map(processes.flatMap(([id, lines]) => (lines ? [[id, lines] as const] : [])))
  return containers.flatMap((container) => {
    const workload = workloadOf(container, { engine, images, processes: running, volumes })
    const subject = { ...subjectOf(workload), section: 'containers' as const, file: fileOf(container) }
    return findingsOf(workload, subject)
  })
}

/** A service may accept what is found in its image. */
const idsOfImageRules: ReadonlySet<string> = new Set(imageRules.map(({ id }) => id))

function subjectOf({ name, service }: Workload): Pick<Subject, 'subject' | 'services'> {
  return { subject: name, services: service === undefined ? [] : [service] }
}

/** Every rule of one workload, and its exceptions. Pure. */
export function findingsOf(workload: Workload, subject: Subject): Finding[] {
  const found = workloadRules.map((rule) => findingOf(rule, judge(rule, workload), subject))
  const exceptions = exceptionsIn(workload.labels)
  return [
    ...found.map((finding) => accept(finding, exceptions)),
    judgeExceptions(exceptions, found, idsOfImageRules, subject),
  ]
}
