// The Docker command line: pure functions that build its arguments, and the one place that executes them.

import { spawn } from 'node:child_process'

/** What `docker run` is told, in the words of its options. */
export interface ContainerSpec {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly network?: string
  /** Name by which others on the network find it. */
  readonly alias?: string
  /** Ports to publish, each on a free one of the host's loopback. */
  readonly publish?: readonly number[]
  readonly mounts?: readonly Mount[]
  readonly tmpfs?: readonly string[]
  readonly user?: string
  readonly readOnly?: boolean
  readonly dropCapabilities?: boolean
  readonly noNewPrivileges?: boolean
  /** As in `256m`; swap is not granted on top. */
  readonly memory?: string
  /** In place of the image's. */
  readonly entrypoint?: string
  /** Anything else that `docker run` is told, as it is written. */
  readonly options?: readonly string[]
}

export interface Mount {
  /** Absolute path on the host; `docker run` refuses one that does not exist. */
  readonly source: string
  readonly target: string
  /** Read-only otherwise. */
  readonly writable?: true
}

export type Labels = Readonly<Record<string, string>>

export function runArguments(spec: ContainerSpec, labels: Labels): string[] {
  return [
    ...['run', '--detach', '--init=false', '--restart=no', '--pull=never'],
    ...labelArguments(labels),
    ...Object.entries(spec.environment ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...option('--network', spec.network),
    ...option('--network-alias', spec.alias),
    ...(spec.publish ?? []).flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
    ...(spec.mounts ?? []).flatMap((mount) => ['--mount', mountArgument(mount)]),
    ...(spec.tmpfs ?? []).flatMap((path) => ['--tmpfs', path]),
    ...option('--user', spec.user),
    ...(spec.readOnly ? ['--read-only'] : []),
    ...(spec.dropCapabilities ? ['--cap-drop=ALL'] : []),
    ...(spec.noNewPrivileges ? ['--security-opt=no-new-privileges'] : []),
    ...(spec.memory ? [`--memory=${spec.memory}`, `--memory-swap=${spec.memory}`] : []),
    ...option('--entrypoint', spec.entrypoint),
    ...(spec.options ?? []),
    spec.image,
    ...(spec.command ?? []),
  ]
}

function mountArgument({ source, target, writable }: Mount): string {
  return `type=bind,"source=${source}",target=${target}${writable ? '' : ',readonly'}`
}

export function networkArguments(name: string, labels: Labels): string[] {
  return ['network', 'create', ...labelArguments(labels), name]
}

/** Volumes that the images declare go with their containers. */
export function removeArguments(containers: readonly string[]): string[] {
  return ['rm', '--force', '--volumes', ...containers]
}

export function listArguments(
  kind: 'container' | 'network' | 'volume',
  label: string,
  format: string,
): string[] {
  const all = kind === 'container' ? ['--all'] : []
  const whole = kind === 'volume' ? [] : ['--no-trunc']
  return [kind, 'ls', ...all, ...whole, '--filter', `label=${label}`, '--format', format]
}

function labelArguments(labels: Labels): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`])
}

function option(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value]
}

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `docker` with these arguments and gives what came of it, whatever its exit code. */
export function tryDocker(args: readonly string[]): Promise<Output> {
  return execute('docker', args)
}

/** @throws Error with what docker said, when it exits with anything but 0 */
export async function docker(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryDocker(args)
  if (code !== 0) throw new Error(`docker ${args.slice(0, 2).join(' ')}: exit code ${code}: ${stderr.trim()}`)
  return stdout.trimEnd()
}

export function execute(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === null) reject(new Error(`${command} was ended by ${signal}`))
      else
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
}
