// Whether a Docker engine answers here and holds the base image.

import { tryDocker } from '../../harness/docker.ts'
import { baseImage } from '../../harness/images.ts'

/** Why nothing can be run in containers; undefined where it can. */
export async function engineProblem(): Promise<string | undefined> {
  try {
    const { code } = await tryDocker(['version', '--format', '{{.Server.Version}}'])
    if (code !== 0) return 'no Docker engine answers'
    const image = await tryDocker(['image', 'inspect', '--format', '{{.Id}}', baseImage])
    return image.code === 0 ? undefined : `no image ${baseImage}: TAG=test images/build-all.sh`
  } catch {
    return 'there is no docker command'
  }
}

export async function dockerSays(...args: string[]): Promise<string | undefined> {
  const { code, stdout } = await tryDocker(args)
  return code === 0 ? stdout.trim() : undefined
}
