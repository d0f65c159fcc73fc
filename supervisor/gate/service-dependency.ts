// An HTTP service as something the flow waits for: healthy is what answers a GET of its health path with 2xx.

import type { CheckResult, Dependency } from '../core/dependency.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { knockAt } from '../core/knock.ts'
import { limits } from '../core/limits.ts'
import { classifyNetworkFailure, type Endpoint, showEndpoint } from '../core/network-failure.ts'
import { createRedactor, type Secret } from '../core/secret.ts'
import { formatDuration } from '../core/units.ts'
import { type ProbeAnswer, type ProbeProgress, probe } from './http-probe.ts'

export interface ServiceSettings {
  readonly url: Secret
  readonly healthPath: string
  /** For the whole check, from name resolution to the end of the answer. */
  readonly timeoutMs: number
  readonly required: boolean
  /** Sent as `Bearer`. */
  readonly token: Secret | undefined
  /** `user:password`, sent as `Basic` when there is no token. */
  readonly auth: Secret | undefined
}

/** Throws where the URL is not one of http or https; the configuration has refused such a URL before. */
export function createServiceDependency(name: string, settings: ServiceSettings): Dependency {
  const { url, headers, secrets } = requestOf(settings)
  const redact = createRedactor(secrets)
  const endpoint = endpointOf(url)
  return {
    ...{ name, kind: 'service', required: settings.required },
    async check(signal) {
      const result = await check({ name, url, headers, endpoint, timeoutMs: settings.timeoutMs }, signal)
      return { ...result, message: redact(result.message).slice(0, limits.foreignMessageChars) }
    },
    knock: (signal) => knockAt(endpoint, signal),
  }
}

/** The health path is appended to the URL's own: `http://prefect:4200/api` and `/ready` make `/api/ready`. */
export function healthUrl(base: string, healthPath: string): URL {
  const url = new URL(base)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('the URL is not http or https')
  const [path = '', query = ''] = healthPath.split(/\?(.*)/s)
  url.pathname = `${url.pathname.replace(/(?<!\/)\/+$/, '')}/${path.replace(/^\/+/, '')}`
  url.search = query
  url.hash = ''
  return url
}

function requestOf({ url: secretUrl, healthPath, token, auth }: ServiceSettings) {
  const url = healthUrl(secretUrl.reveal(), healthPath)
  const inUrl = url.username || url.password ? `${decoded(url.username)}:${decoded(url.password)}` : undefined
  url.username = ''
  url.password = ''
  const basic = auth?.reveal() ?? inUrl
  const headers: Record<string, string> = {}
  if (token) headers['authorization'] = `Bearer ${token.reveal()}`
  else if (basic !== undefined) headers['authorization'] = `Basic ${Buffer.from(basic).toString('base64')}`
  const passwords = [auth?.reveal(), inUrl].map((pair) => pair?.slice(pair.indexOf(':') + 1))
  const secrets = [token?.reveal(), auth?.reveal(), inUrl, ...passwords].filter((text) => text !== undefined)
  return { url, headers, secrets }
}

/** A percent sign that encodes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function endpointOf(url: URL): Endpoint {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
}

interface Check {
  readonly name: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly endpoint: Endpoint
  readonly timeoutMs: number
}

async function check(what: Check, signal: AbortSignal): Promise<CheckResult> {
  const { url, headers, timeoutMs } = what
  const ending = new AbortController()
  const abort = () => ending.abort(new Error('the check was cancelled'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  let progress: ProbeProgress = 'resolving'
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    ending.abort(new Error('timed out'))
  }, timeoutMs)
  try {
    const answer = await probe({ url, headers, signal: ending.signal }, (now) => {
      progress = now
    })
    return judge(what, answer)
  } catch (error) {
    return timedOut ? timeout(what, progress) : failure(what, error, progress)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** The address without its query, which may carry a key. */
function shown({ url }: Check): string {
  return `${url.origin}${url.pathname}`
}

function bad(reason: Exclude<CheckResult, { ok: true }>['reason'], message: string): CheckResult {
  return { ok: false, reason, message }
}

function judge(what: Check, { status, statusText, location }: ProbeAnswer): CheckResult {
  const said = `${shown(what)} answered ${status}${statusText && ` ${statusText}`}`
  if (status >= 200 && status < 300) return { ok: true, message: said }
  if (status === 401 || status === 403) {
    return bad('authentication', `${said}: the token or the user and password are missing or not accepted`)
  }
  if (status === 407) return bad('authentication', `${said}: a proxy on the way wants authentication`)
  if (status >= 300 && status < 400) {
    const target = location === undefined ? '' : ` to ${location.replace(/[?#].*$/s, '')}`
    return bad(
      'bad_answer',
      `${said}: a redirect${target}, which is not followed; set the URL to where it leads`,
    )
  }
  if (status === 503 && what.name === 'prefect') {
    return bad('bad_answer', `${said}: the Prefect server runs, but its own database does not answer`)
  }
  return bad('bad_answer', said)
}

function timeout({ endpoint, url, timeoutMs }: Check, progress: ProbeProgress): CheckResult {
  const where = showEndpoint(endpoint)
  const within = `within ${formatDuration(timeoutMs)}`
  if (progress === 'waiting')
    return bad('timeout', `${where} accepted the connection, but did not answer ${within}`)
  if (progress === 'reading') return bad('timeout', `${where} began its answer, but did not end it ${within}`)
  const handshake = url.protocol === 'https:' ? ' and finish the TLS handshake' : ''
  return bad('timeout', `${where} did not accept the connection${handshake} ${within}`)
}

function failure(what: Check, error: unknown, progress: ProbeProgress): CheckResult {
  const found = classifyNetworkFailure(error, what.endpoint)
  if (found) return { ok: false, ...found }
  const code = codeOf(error) ?? ''
  const text = messageOf(error)
  if (code.startsWith('HPE_')) {
    return bad('bad_answer', `${showEndpoint(what.endpoint)} does not answer like HTTP: ${text} (${code})`)
  }
  return bad('bad_answer', `${shown(what)} gave no ${progress === 'reading' ? 'whole ' : ''}answer: ${text}`)
}
