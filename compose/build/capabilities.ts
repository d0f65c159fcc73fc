// What the builder at hand can do, asked before an option is used that another one would refuse.

import { capture } from '../host/run.ts'

export interface Capabilities {
  /** It reports its progress as JSON (buildx from 0.13 on). */
  readonly rawProgress: boolean
  /** What it builds is on the engine by itself; other drivers have to be told. */
  readonly keepsImages: boolean
}

export async function askBuilder(root: string): Promise<Capabilities> {
  const [version, builder] = await Promise.all([
    capture('docker', ['buildx', 'version'], { cwd: root }),
    capture('docker', ['buildx', 'inspect'], { cwd: root }),
  ])
  return capabilitiesOf(version.stdout, builder.stdout)
}

/** @param version as `docker buildx version` prints it  @param builder as `docker buildx inspect` does */
export function capabilitiesOf(version: string, builder: string): Capabilities {
  const [, major = '0', minor = '0'] = / v?(\d+)\.(\d+)\./.exec(version) ?? []
  const driver = /^Driver:\s*(\S+)/m.exec(builder)?.[1]
  return {
    rawProgress: Number(major) > 0 || Number(minor) >= 13,
    keepsImages: driver === undefined || driver === 'docker',
  }
}
