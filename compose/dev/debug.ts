// Debuggers for `flowkeepctl dev --debug SERVICE`: Node.js' inspector in the supervisor and debugpy in the flow, each on
// the loopback of its container. Nothing of it is published: a listener on the loopback of the host hands each
// connection to a process in the container, so that neither the other containers nor the network reach a debugger.

import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { codeOf, FlowkeepError, messageOf } from '../../supervisor/core/errors.ts'
import { writeWhole } from '../host/cache-directory.ts'
import { docker, lastLine } from '../host/docker.ts'
import { capture, relay } from '../host/run.ts'
import { readConfiguration, type ServiceConfiguration } from '../operate/configuration.ts'
import { listContainers, type Project } from '../operate/project.ts'

const nodePort = 9229
const pythonPort = 5678
const debugpyVersion = '1.8.22'
const node = '/opt/flowkeep/bin/node'

interface ImageConfig {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
}

/**
 * Writes a Compose file that starts a service under its debuggers.
 * @returns its path
 */
export async function writeDebugFile(
  project: Project,
  service: string,
  root: string,
  cacheDirectory: string,
): Promise<string> {
  const { services } = await readConfiguration(project)
  const found = services[service]
  if (!found?.image) {
    throw new FlowkeepError('usage', {
      operation: 'cannot debug',
      subject: service,
      message: `the stack has no service ${service}`,
      hint: `There are ${Object.keys(services).join(', ')}.`,
    })
  }
  const text = await docker(['image', 'inspect', '--format', '{{json .Config}}', found.image])
  const packages = await fetchDebugpy(found.image, root, cacheDirectory)
  const path = join(cacheDirectory, 'compose.debug.json')
  writeWhole(
    path,
    JSON.stringify({ services: { [service]: underDebuggers(found, JSON.parse(text), packages) } }),
  )
  return path
}

/** The part of a Compose file that starts a service under its debuggers. Pure. */
export function underDebuggers(
  { command }: ServiceConfiguration,
  image: ImageConfig,
  packages: string,
): object {
  const [program = '', ...args] = command ?? image.Cmd ?? []
  const isPython = /(?:^|\/)python[\d.]*$/.test(program)
  const pythonPath = image.Env?.find((pair) => pair.startsWith('PYTHONPATH='))?.slice('PYTHONPATH='.length)
  return {
    entrypoint: [
      node,
      `--inspect=127.0.0.1:${nodePort}`,
      '/opt/flowkeep/flowkeep.cjs',
      ...(image.Entrypoint ?? []).slice(1),
    ],
    command: isPython
      ? [program, '-X', 'frozen_modules=off', '-m', 'debugpy', '--listen', `127.0.0.1:${pythonPort}`, ...args]
      : [program, ...args],
    environment: { PYTHONPATH: [pythonPath, '/opt/debugpy'].filter(Boolean).join(':') },
    volumes: [`${packages}:/opt/debugpy:ro`],
  }
}

/** Once for each version: built like an image, by the host's way to the package registries, and kept. */
async function fetchDebugpy(image: string, root: string, cacheDirectory: string): Promise<string> {
  const directory = join(cacheDirectory, `debugpy-${debugpyVersion}`)
  // The directory itself is closed to others, and the flow is another user; what is below is not.
  const packages = join(directory, 'packages')
  if (existsSync(join(packages, 'debugpy'))) return packages
  const dockerfile = `FROM ${image} AS packages
USER 0
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \\
    --mount=type=secret,id=pipconf,target=/etc/pip.conf \\
    pip install --no-cache-dir --disable-pip-version-check --no-deps --target /packages debugpy==${debugpyVersion}
FROM scratch
COPY --from=packages /packages /packages
`
  const secrets = (await capture(`${root}/images/build-secrets.sh`, [], { cwd: root })).stdout
    .trim()
    .split('\n')
  const args = [
    'buildx',
    'build',
    ...secrets.filter(Boolean),
    '--output',
    `type=local,dest=${directory}`,
    '-',
  ]
  const { code, stderr } = await capture('docker', args, { input: dockerfile })
  if (code === 0) return packages
  throw new FlowkeepError('tool_failed', {
    operation: 'cannot fetch debugpy',
    subject: `debugpy==${debugpyVersion}`,
    message: lastLine(stderr),
    hint: 'It comes from PyPI; images/README.md, "Build secrets", says how a build gets there.',
  })
}

export interface Tunnels {
  /** What to connect to, one line each. */
  readonly lines: readonly string[]
  close(): void
}

/** Opens the ports on the host's loopback: the first replica's are 9229 and 5678, the next one's 9230 and 5679. */
export async function openTunnels(project: Project, service: string): Promise<Tunnels> {
  const replicas = (await listContainers(project)).filter((container) => container.service === service)
  const servers: Server[] = []
  const lines: string[] = []
  try {
    for (const [index, { name }] of replicas.entries()) {
      for (const [what, port] of [
        ['supervisor (Node.js)', nodePort],
        ['flow (Python, debugpy)', pythonPort],
      ] as const) {
        servers.push(await openTunnel(name, port, port + index))
        lines.push(`${name}, ${what}: 127.0.0.1:${port + index}`)
      }
    }
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
  return {
    lines,
    close() {
      for (const server of servers) server.close()
    },
  }
}

/** By the container's name, which it keeps when it is made anew. */
function openTunnel(container: string, inside: number, outside: number): Promise<Server> {
  const script = `const s=require('node:net').connect(${inside},'127.0.0.1');process.stdin.pipe(s);s.pipe(process.stdout);s.on('error',()=>process.exit(1));s.on('close',()=>process.exit(0))`
  const server = createServer((socket) =>
    relay('docker', ['exec', '--interactive', container, node, '-e', script], socket),
  )
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new FlowkeepError('port_unavailable', {
          operation: `cannot open a way to the debugger of ${container}`,
          subject: String(outside),
          message:
            codeOf(error) === 'EADDRINUSE' ? `port ${outside} of 127.0.0.1 is in use` : messageOf(error),
          hint: 'End what holds it: another debugger, or another flowkeepctl dev.',
        }),
      ),
    )
    server.listen(outside, '127.0.0.1', () => resolve(server))
  })
}
