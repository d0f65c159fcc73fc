// Runs a small program under Flowkeep and under other inits, each as PID 1, and reads the figures that it wrote.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ours, type Site } from './benchmark.ts'
import type { Peer } from './peers.ts'
import { freePort, start } from './processes.ts'
import { supervisorCommand, supervisorEnvironment } from './supervisor.ts'

export interface Init {
  readonly name: string
  readonly version: string | undefined
  /** Runs a program of `programs/` with these arguments and a file to write to; the numbers in that file. */
  figures(program: string, args: readonly string[]): Promise<number[]>
}

export function inits(site: Site, peers: readonly Peer[]): Init[] {
  const supervisor: Init = {
    name: ours,
    version: site.version,
    async figures(program, args) {
      const environment = supervisorEnvironment(site, await freePort())
      return run(site, (flow) => supervisorCommand(site, flow), environment, program, args)
    },
  }
  const others = peers.map(({ name, version }) => ({
    name,
    version,
    figures: (program: string, args: readonly string[]) =>
      run(site, (flow) => [name, '--', ...flow], {}, program, args),
  }))
  return [supervisor, ...others]
}

async function run(
  site: Site,
  under: (flow: readonly string[]) => string[],
  environment: Record<string, string>,
  program: string,
  args: readonly string[],
): Promise<number[]> {
  const path = fileURLToPath(new URL(`../programs/${program}`, import.meta.url))
  const file = join(site.directory, `${program}.result`)
  rmSync(file, { force: true })
  const command = under(['perl', path, ...args, file])
  const status = await start({ command, environment, asPid1: true }).ended
  try {
    return readFileSync(file, 'utf8').trim().split(' ').map(Number)
  } catch {
    throw new Error(`${command.join(' ')} ended with ${status} and wrote no figures`)
  }
}
