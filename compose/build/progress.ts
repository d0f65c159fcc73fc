// What BuildKit says while it builds (`--progress=rawjson`): the steps, how long each took, which came from the cache,
// which failed and what it printed. Pure.

export interface Step {
  /** As in `[base bundle 7/9] RUN node images/bundle.ts`. */
  readonly name: string
  readonly startedMs: number
  readonly endedMs: number
  readonly cached: boolean
  readonly error: string | undefined
  /** The steps that this one had to wait for. */
  readonly needs: readonly string[]
}

export interface Progress {
  /** Takes the next line that BuildKit printed. */
  line(text: string): void
  /** Steps that have begun, by their digest. */
  steps(): ReadonlyMap<string, Step>
  /** The step that is being carried out, the one that began last; undefined when none is. */
  current(): { readonly name: string; readonly startedMs: number } | undefined
  /** The last lines that a step printed. */
  logOf(digest: string): readonly string[]
  /** What was printed beside the events: bake's own errors. */
  text(): readonly string[]
}

/** Lines kept of what one step prints, and of everything that is no event. */
const logLinesMax = 200

interface Vertex {
  readonly digest?: string
  readonly name?: string
  readonly started?: string
  readonly completed?: string
  readonly cached?: boolean
  readonly error?: string
  readonly inputs?: readonly string[]
}

interface Event {
  readonly vertexes?: readonly Vertex[]
  readonly logs?: readonly { readonly vertex?: string; readonly data?: string }[]
}

interface Mutable {
  name: string
  startedMs: number | undefined
  endedMs: number | undefined
  cached: boolean
  error: string | undefined
  needs: readonly string[]
}

/** @param ended called for each step when it has ended */
export function followProgress(ended: (step: Step) => void = () => {}): Progress {
  const vertices = new Map<string, Mutable>()
  const logs = new Map<string, string[]>()
  const text: string[] = []
  let open: string[] | undefined

  /** One event is one JSON object: on a line of its own, or spread over several between `{` and `}`. */
  function line(raw: string): void {
    if (open) {
      open.push(raw)
      if (raw !== '}') return
      const whole = open.join('\n')
      open = undefined
      take(parse(whole))
    } else if (raw === '{') open = [raw]
    else if (raw.startsWith('{') && raw.endsWith('}')) take(parse(raw))
    else if (raw.trim() !== '') keep(text, raw)
  }

  function take(event: Event): void {
    for (const vertex of event.vertexes ?? []) takeVertex(vertex)
    for (const { vertex, data } of event.logs ?? []) {
      if (vertex === undefined || data === undefined) continue
      const lines = logs.get(vertex) ?? []
      logs.set(vertex, lines)
      for (const each of Buffer.from(data, 'base64').toString().split('\n')) {
        if (each.trim() !== '') keep(lines, each)
      }
    }
  }

  function takeVertex({ digest, name, started, completed, cached, error, inputs }: Vertex): void {
    if (digest === undefined) return
    const known = vertices.get(digest)
    const startedMs =
      started === undefined ? known?.startedMs : Math.min(time(started), known?.startedMs ?? Infinity)
    const vertex: Mutable = {
      name: name ?? known?.name ?? '',
      startedMs,
      // A step that goes on after it seemed to be done says so by another start.
      endedMs: completed === undefined ? undefined : time(completed),
      cached: cached ?? known?.cached ?? false,
      error: error || known?.error,
      needs: inputs ?? known?.needs ?? [],
    }
    vertices.set(digest, vertex)
    const step = stepOf(vertex)
    if (step && known?.endedMs === undefined) ended(step)
  }

  return {
    line,
    steps: () =>
      new Map(
        [...vertices].flatMap(([digest, vertex]) => {
          const step = stepOf(vertex)
          return step ? [[digest, step] as const] : []
        }),
      ),
    current() {
      const running = [...vertices.values()].filter(
        ({ startedMs, endedMs }) => startedMs !== undefined && endedMs === undefined,
      )
      const last = running.sort((a, b) => (a.startedMs ?? 0) - (b.startedMs ?? 0)).at(-1)
      return last && { name: last.name, startedMs: last.startedMs ?? 0 }
    },
    logOf: (digest) => logs.get(digest) ?? [],
    text: () => text,
  }
}

/** Whether it is an instruction of a Dockerfile, and not BuildKit's own business. */
export function isInstruction({ name }: Pick<Step, 'name'>): boolean {
  return name.startsWith('[') && !/^\[(?:internal|auth)\]|^\[[^\]]*\binternal\b/.test(name)
}

/**
 * The chain of steps that the end had to wait for, in their order. A step waits for those it needs. Where the last of
 * them had ended long before it began, it waited for something that BuildKit doesn't tell (a transfer, or the same step
 * carried out for another target): then whatever ended last before it began is taken for it.
 */
export function criticalPath(steps: ReadonlyMap<string, Step>): Step[] {
  const left = new Set(steps.values())
  const path: Step[] = []
  for (let step = latest([...left]); step !== undefined; step = waitedFor(step)) {
    path.unshift(step)
    left.delete(step)
  }
  return path

  function waitedFor({ needs, startedMs }: Step): Step | undefined {
    const needed = latest(needs.flatMap((digest) => steps.get(digest) ?? []).filter((step) => left.has(step)))
    if (needed && needed.endedMs >= startedMs - unexplainedWaitMs) return needed
    const any = latest([...left].filter(({ endedMs }) => endedMs <= startedMs))
    return any && any.endedMs > (needed?.endedMs ?? 0) ? any : needed
  }
}

const unexplainedWaitMs = 20

function latest(steps: readonly Step[]): Step | undefined {
  return steps.reduce<Step | undefined>((a, b) => (a && a.endedMs >= b.endedMs ? a : b), undefined)
}

function stepOf({ name, startedMs, endedMs, cached, error, needs }: Mutable): Step | undefined {
  if (startedMs === undefined || endedMs === undefined) return undefined
  return { name, startedMs, endedMs: Math.max(startedMs, endedMs), cached, error, needs }
}

function time(text: string): number {
  return Date.parse(text)
}

function keep(lines: string[], line: string): void {
  lines.push(line)
  if (lines.length > logLinesMax) lines.shift()
}

function parse(text: string): Event {
  try {
    return JSON.parse(text) as Event
  } catch {
    return {}
  }
}
