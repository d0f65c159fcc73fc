// Whether there is an engine that can run the stack.

import { ask, type Output } from './execute.ts'
import { exitCode, Problem } from './problem.ts'

/** @throws Problem when there is none */
export async function checkEngine(): Promise<void> {
  const version = await answer(['version', '--format', '{{.Server.Version}}'])
  if (version.code !== 0 || version.stdout.trim() === '') {
    throw new Problem(
      `no Docker engine answers: ${lastLine(version.stderr)}. ${adviceOn(version.stderr)}`,
      exitCode.unavailable,
    )
  }
  const compose = await answer(['compose', 'version', '--short'])
  if (compose.code !== 0) {
    throw new Problem(
      'the docker command knows no "compose": install the Compose plugin (Debian: docker-compose, Docker: docker-compose-plugin)',
      exitCode.unavailable,
    )
  }
}

async function answer(args: readonly string[]): Promise<Output> {
  try {
    return await ask('docker', args)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Problem(
      'there is no docker command: install Docker Engine with its Compose and Buildx plugins',
      exitCode.unavailable,
    )
  }
}

function adviceOn(said: string): string {
  return /permission denied/i.test(said)
    ? 'Run it as root, or as a member of the group docker.'
    : 'Start it (systemctl start docker), or point DOCKER_HOST at one.'
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/[.?]+$/, '') || 'it says nothing'
  )
}
