// The inits that can be compared: how each is told what to run, with the options that serve it best here,
// and which of the features that not every init has it offers.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { nodeFlags } from '../../images/node-flags.ts'
import { checkout } from '../harness/checkout.ts'
import type { Feature } from './case.ts'

export interface Init {
  readonly name: string
  /** For people, what goes before the command. */
  readonly shown: string
  /** argv that runs the flow's command under this init. */
  command(flow: readonly string[], place: Place): readonly string[]
  /** The same where it is not PID 1. */
  commandBelow?(flow: readonly string[], place: Place): readonly string[]
  environment?(place: Place, graceMs: number | undefined): Readonly<Record<string, string>>
  readonly features: ReadonlySet<Feature>
  /** Once this signal is handled, all are: from then on none may be lost. */
  readonly lastListened: number
  /** Undefined when it is not installed here. */
  version(): string | undefined
}

/** What an instance has for itself alone. */
export interface Place {
  readonly directory: string
  /** An address of loopback. */
  readonly host: string
  readonly port: number
}

const { SIGTERM, SIGTTOU } = constants.signals
const none: ReadonlySet<Feature> = new Set()

const bundle = `${checkout}/dist/flowkeep.cjs`

const flowkeep: Init = {
  name: 'flowkeep',
  shown: 'flowkeep run --',
  command: (flow) => [process.execPath, ...nodeFlags, bundle, 'run', '--', ...flow],
  environment: ({ directory, host, port }, graceMs) => ({
    CONTAINER_FLOW_NAME: 'conformance',
    CONTAINER_HTTP_HOST: host,
    CONTAINER_HTTP_PORT: String(port),
    CONTAINER_CONTROL_SOCKET: controlSocket(directory),
    CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
    CONTAINER_RESTART_POLICY: 'never',
    CONTAINER_SECURITY_ENFORCE: 'off',
    ...(graceMs === undefined ? {} : { CONTAINER_STOP_GRACE: `${graceMs}ms` }),
  }),
  features: new Set<Feature>(['grace', 'gate', 'restart', 'reload']),
  // Node.js itself handles SIGTERM long before the program can; this is the one it listens to last.
  lastListened: SIGTTOU,
  version: () => firstLine(process.execPath, [...nodeFlags, bundle, '--version']),
}

/** Where Flowkeep listens for requests such as a reload. */
export function controlSocket(directory: string): string {
  return join(directory, 'run', 'control.sock')
}

function plain(name: string, options: readonly string[], below: readonly string[], version: string[]): Init {
  return {
    name,
    shown: [name, ...options].join(' '),
    command: (flow) => [name, ...options, ...flow],
    commandBelow: (flow) => [name, ...below, ...flow],
    features: none,
    lastListened: SIGTERM,
    version: () => firstLine(name, version),
  }
}

const inits: readonly Init[] = [
  flowkeep,
  // To the whole group; as a subreaper where it is not PID 1.
  plain('tini', ['-g', '--'], ['-s', '-g', '--'], ['--version']),
  plain('dumb-init', ['--'], ['--'], ['--version']),
  plain('catatonit', ['-g', '--'], ['-g', '--'], ['--version']),
  {
    name: 's6',
    shown: 's6-svscan with one service',
    command: s6ScanDirectory,
    features: none,
    lastListened: SIGTERM,
    version: () => firstLine('dpkg-query', ['--show', 's6']),
  },
]

const s6ServiceSignals = { INT: 'i', QUIT: 'q', HUP: 'h', USR1: '1', USR2: '2', WINCH: 'y' }

/** s6 runs services, not a command: one service whose end is the end of everything, with its exit code. */
function s6ScanDirectory(flow: readonly string[], { directory }: Place): readonly string[] {
  const scan = join(directory, 'scan')
  const scripts = {
    'flow/run': `exec ${flow.map(quote).join(' ')}`,
    'flow/finish':
      'if [ "$1" = 256 ]; then set $((128 + $2)); fi; echo "$1" >../code; exec s6-svscanctl -t ..',
    '.s6-svscan/finish': 'exit "$(cat code)"',
    '.s6-svscan/SIGTERM': 'exec s6-svscanctl -t .',
    ...Object.fromEntries(
      Object.entries(s6ServiceSignals).map(([name, option]) => [
        `.s6-svscan/SIG${name}`,
        `exec s6-svc -${option} flow`,
      ]),
    ),
  }
  for (const part of ['flow', '.s6-svscan']) mkdirSync(join(scan, part), { recursive: true })
  for (const [path, script] of Object.entries(scripts)) {
    writeFileSync(join(scan, path), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  return ['s6-svscan', scan]
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** @param text the name of one of the above, or a command line that the flow's command is appended to */
export function initOf(text: string): Init {
  const known = inits.find(({ name }) => name === text)
  if (known) return known
  const words = text.split(/\s+/).filter((word) => word !== '')
  const [program] = words
  if (program === undefined) throw new Error('--init: neither a name nor a command')
  return {
    name: program.replace(/^.*\//, ''),
    shown: words.join(' '),
    command: (flow) => [...words, ...flow],
    features: none,
    lastListened: SIGTERM,
    version: () => (isThere(program) ? '' : undefined),
  }
}

/** Those that are compared when nobody says which. */
export function defaultInits(): Init[] {
  return ['flowkeep', 'tini', 'dumb-init'].map(initOf).filter((init) => init.version() !== undefined)
}

function isThere(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0
}

/** What a program says its version is, wherever it says it. */
function firstLine(program: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) return undefined
  const [line = ''] = (stdout || stderr).split('\n')
  return /\d+\.\d\S*/.exec(line)?.[0] ?? line
}
