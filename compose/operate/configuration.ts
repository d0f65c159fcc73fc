// What Compose makes of the files of a project: names filled in, files on top of each other, variables replaced.

import { docker } from '../host/docker.ts'
import { composeArguments, type Project } from './project.ts'

export interface ServiceConfiguration {
  readonly image?: string
  readonly command?: readonly string[] | null
  readonly volumes?: readonly {
    readonly type: string
    readonly source?: string
    readonly target: string
  }[]
}

export interface Configuration {
  /** That the engine knows the project by. */
  readonly name: string
  readonly services: Readonly<Record<string, ServiceConfiguration>>
  /** The engine's names of them, by ours. */
  readonly volumes?: Readonly<Record<string, { readonly name: string }>>
}

/** @throws FlowkeepError `tool_failed` with what Compose says when it refuses a file */
export async function readConfiguration(project: Project): Promise<Configuration> {
  return JSON.parse(await docker(composeArguments(project, ['config', '--format', 'json']))) as Configuration
}
