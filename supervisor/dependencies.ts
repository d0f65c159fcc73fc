// The dependencies that the settings name, each with its deep check. Made here, beside `main.ts`, because the running
// supervisor and `flowkeep check --connect` ask the same questions.

import type { Settings } from './config/settings.ts'
import type { Dependency } from './core/dependency.ts'
import { createServiceDependency } from './gate/service-dependency.ts'
import { createDatabaseDependency } from './postgres/dependency.ts'

export function createDependencies(settings: Settings): Dependency[] {
  const databases = Object.entries(settings.databases)
  const services = Object.entries(settings.services)
  return [
    ...databases.map(([name, database]) => createDatabaseDependency(name, database)),
    ...services.map(([name, service]) => createServiceDependency(name, service)),
  ]
}

export interface Refusal {
  readonly dependency: Dependency
  readonly reason: string
  readonly message: string
}

/** Asks each dependency once, all at the same time; each bounds its own time. */
export async function askOnce(dependencies: readonly Dependency[]): Promise<Refusal[]> {
  const { signal } = new AbortController()
  const answers = await Promise.all(
    dependencies.map(async (dependency) => ({ dependency, result: await dependency.check(signal) })),
  )
  return answers.flatMap(({ dependency, result }) => (result.ok ? [] : [{ dependency, ...result }]))
}
