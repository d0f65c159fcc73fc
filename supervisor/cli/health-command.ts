// `flowkeep health`: the probe that Docker's HEALTHCHECK runs every few seconds for the life of the container, so it
// loads next to nothing and speaks just enough HTTP. It answers in one line and with 0 or 1.

import { connect } from 'node:net'
import { systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { type CheckReport, type HealthReport, severityOf } from '../core/health.ts'
import { limits } from '../core/limits.ts'
import {
  type Environment,
  hostVariable,
  type ListenAddress,
  portVariable,
  readListenAddress,
  readText,
} from '../core/listen-address.ts'
import { printable } from './printable.ts'

export const probes = { health: '/health', live: '/livez', ready: '/readyz', startup: '/startupz' } as const

export type Probe = keyof typeof probes

export interface HealthCommandParts {
  readonly probe: Probe
  readonly json: boolean
  readonly environment: Environment
  write(text: string): void
}

/** @returns the exit code: 0 when the probe is answered with 200, else 1 */
export async function runHealthCommand(parts: HealthCommandParts): Promise<0 | 1> {
  const address = readListenAddress(withConfigFile(parts.environment))
  if ('invalid' in address) return say(parts, 1, `unreachable: ${address.invalid}`)
  try {
    const answer = await ask(probeTarget(address), probes[parts.probe])
    const exitCode = answer.status === 200 ? 0 : 1
    return say(parts, exitCode, describeAnswer(parts.probe, answer), answer.report)
  } catch (error) {
    return say(parts, 1, `unreachable: ${messageOf(error)}`)
  }
}

export interface ProbeAnswer {
  readonly status: number
  /** Undefined when the body is not one of ours. */
  readonly report: HealthReport | undefined
}

/** One line: the verdict, and for everything but the best one why. */
export function describeAnswer(probe: Probe, { status, report }: ProbeAnswer): string {
  const ok = status === 200
  if (!report) return `${ok ? 'ok' : 'failed'}: HTTP status ${status}`
  if (probe === 'live') return ok ? 'live' : `not live: HTTP status ${status}`
  const verdict = {
    health: report.status,
    ready: ok ? 'ready' : 'not ready',
    startup: ok ? 'started' : 'not started',
  }[probe]
  if (report.state !== 'running') return `${verdict}: ${report.state}${reasonsOf(report, ' – ')}`
  return `${verdict}${reasonsOf(report, ': ')}`
}

const reasonsShown = 3

/** The checks that are not healthy, the worst first. */
function reasonsOf({ checks }: HealthReport, before: string): string {
  const failing = Object.entries(checks)
    .filter(([, { status }]) => status !== 'healthy')
    .sort(([, a], [, b]) => severityOf(b.status) - severityOf(a.status))
  if (failing.length === 0) return ''
  const more = failing.length > reasonsShown ? `; and ${failing.length - reasonsShown} more` : ''
  return printable(before + failing.slice(0, reasonsShown).map(reason).join('; ') + more)
}

function reason([name, { message, since }]: [string, CheckReport]): string {
  return `${name} ${message} (since ${since})`
}

function say(parts: HealthCommandParts, exitCode: 0 | 1, line: string, report?: HealthReport): 0 | 1 {
  parts.write(
    parts.json
      ? `${JSON.stringify({ ok: exitCode === 0, message: line, report: report ?? null })}\n`
      : `${line}\n`,
  )
  return exitCode
}

/** The configuration file ranks below the environment and may move the port as well. */
function withConfigFile(environment: Environment): Environment {
  const path = environment['CONTAINER_CONFIG_FILE']
  if (!path) return environment
  const fromFile: Record<string, string> = {}
  try {
    for (const line of readText(path).split(/\r?\n/)) {
      const match = /^\s*(CONTAINER_HTTP_(?:HOST|PORT)(?:_FILE)?)\s*=\s*(["']?)(.*?)\2\s*$/.exec(line)
      if (match) fromFile[match[1] as string] = match[3] as string
    }
  } catch {
    return environment
  }
  const merged = { ...environment }
  for (const name of [hostVariable, portVariable]) {
    if (environment[name] || environment[`${name}_FILE`]) continue
    merged[name] = fromFile[name]
    merged[`${name}_FILE`] = fromFile[`${name}_FILE`]
  }
  return merged
}

/** Where a listener on every address is reached from inside. */
export function probeTarget({ host, port }: ListenAddress): ListenAddress {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port }
  return host === '::' ? { host: '::1', port } : { host, port }
}

function ask({ host, port }: ListenAddress, path: string): Promise<ProbeAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const socket = connect({ host, port })
    const timer = systemClock.startTimer(limits.probeMs, () => {
      socket.destroy(new Error(`no answer from ${host} port ${port} within ${limits.probeMs / 1000}s`))
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      received += chunk.length
      if (received > limits.answerBytes) socket.destroy(new Error('the answer is too large'))
    })
    socket.once('error', reject)
    socket.once('close', () => {
      timer.cancel()
      try {
        resolve(parseAnswer(Buffer.concat(chunks).toString()))
      } catch (error) {
        reject(error)
      }
    })
    socket.end(`GET ${path} HTTP/1.1\r\nhost: flowkeep\r\nconnection: close\r\n\r\n`)
  })
}

/** Our own server gives a whole body with its length and then closes: there is no chunked form to decode. */
export function parseAnswer(text: string): ProbeAnswer {
  const match = /^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n/.exec(text)
  if (!match) throw new Error('the answer is not HTTP')
  return { status: Number(match[1]), report: parseReport(text.slice(text.indexOf('\r\n\r\n') + 4)) }
}

function parseReport(body: string): HealthReport | undefined {
  try {
    const report = JSON.parse(body)
    return typeof report?.status === 'string' && typeof report.checks === 'object' ? report : undefined
  } catch {
    return undefined
  }
}
