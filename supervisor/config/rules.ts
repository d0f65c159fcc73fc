// What no single value can be blamed for: rules between two of them. Each problem names both variables.

import { limits } from '../core/limits.ts'
import { formatDuration } from '../core/units.ts'
import { type Problem, problem } from './problem.ts'
import type { ResolvedLeaf } from './resolve.ts'
import { splitCredentials } from './service-url.ts'

/** Rules of the fixed part of the schema. A rule whose values are wrong by themselves has nothing to say. */
export function checkRules(leaves: readonly ResolvedLeaf[], uid: number | undefined): Problem[] {
  const at = lookUp(leaves)
  const problems: (Problem | undefined)[] = [
    ready(),
    notLonger('gate.backoff_min', 'gate.backoff_max'),
    drain(),
    notLonger('restart.backoff_min', 'restart.backoff_max'),
    socketOutsideState(),
    flowUser(),
    diskThresholds(),
    ...cleanupOutside(),
  ]
  return problems.filter((problem) => problem !== undefined)

  function notLonger(minPath: string, maxPath: string): Problem | undefined {
    const min = at(minPath)
    const max = at(maxPath)
    if (!min || !max || ms(min) <= ms(max)) return undefined
    return problem(
      min.setting.env,
      `${show(min)}, longer than ${max.setting.env} (${show(max)})`,
      `at most ${max.setting.env}`,
      `Lower ${min.setting.env} or raise ${max.setting.env}.`,
    )
  }

  function drain(): Problem | undefined {
    const drain = at('stop.drain')
    const grace = at('stop.grace')
    if (!drain || !grace) return undefined
    const mostMs = Math.floor(ms(grace) * limits.drainShareOfGraceMax)
    if (ms(drain) <= mostMs) return undefined
    const share = `${limits.drainShareOfGraceMax * 100}%`
    return problem(
      drain.setting.env,
      `${show(drain)}, more than ${share} of ${grace.setting.env} (${show(grace)})`,
      `at most ${share} of ${grace.setting.env}, so that the flow has time left to end`,
      `Lower ${drain.setting.env} to ${formatDuration(mostMs)} or raise ${grace.setting.env}, and with it the time the platform allows.`,
    )
  }

  function flowUser(): Problem | undefined {
    const user = at('flow.user')
    if (!user || uid === undefined || uid === 0 || typeof user.value !== 'string') return undefined
    return problem(
      user.setting.env,
      `${show(user)}, but the supervisor runs as uid ${uid}`,
      'unset, unless the container starts as root',
      `Leave it out, and choose the flow's user by the container's own (USER, --user).`,
    )
  }

  function diskThresholds(): Problem | undefined {
    const low = at('disk.low_percent')
    const critical = at('disk.critical_percent')
    if (!low || !critical || Number(critical.value) <= Number(low.value)) return undefined
    return problem(
      critical.setting.env,
      `${critical.value}, more than ${low.setting.env} (${low.value})`,
      `at most ${low.setting.env}`,
      `Lower ${critical.setting.env} or raise ${low.setting.env}.`,
    )
  }

  /** What Flowkeep itself needs is never cleaned up; where it lies in a clean-up path it is left out. */
  function cleanupOutside(): Problem[] {
    const paths = at('cleanup.paths')
    if (!paths || typeof paths.value !== 'string') return []
    const cleaned = paths.value.split(',')
    const own = ['state.directory', 'healthchecks.directory', 'control.socket'].map((path) => at(path))
    return own.flatMap((leaf) => {
      const needed = typeof leaf?.value === 'string' ? leaf.value : undefined
      const inside = cleaned.findIndex((path) => needed !== undefined && `${path}/`.startsWith(`${needed}/`))
      if (!leaf || inside < 0) return []
      return [
        problem(
          paths.setting.env,
          `item ${inside + 1} is, or lies in, ${leaf.setting.env}`,
          'directories apart from those that Flowkeep keeps its own files in',
          `Take it out of ${paths.setting.env}, or move ${leaf.setting.env}.`,
        ),
      ]
    })
  }

  function ready(): Problem | undefined {
    const after = at('flow.ready_after')
    const timeout = at('flow.ready_timeout')
    // A flow that notifies is not asked how long it has been up.
    if (at('flow.ready')?.value !== 'alive' || !after || !timeout || ms(after) < ms(timeout)) return undefined
    return problem(
      after.setting.env,
      `${show(after)}, not shorter than ${timeout.setting.env} (${show(timeout)})`,
      `shorter than ${timeout.setting.env}, or the flow can never be ready`,
      `Lower ${after.setting.env} or raise ${timeout.setting.env}.`,
    )
  }

  function socketOutsideState(): Problem | undefined {
    const socket = at('control.socket')
    const directory = at('state.directory')
    if (!socket || !directory || socket.value !== directory.value) return undefined
    return problem(
      socket.setting.env,
      `the same path as ${directory.setting.env}`,
      'a path of its own',
      `Change ${socket.setting.env} or ${directory.setting.env}.`,
    )
  }
}

/** The database that holds the records is one of those that are named. */
export function checkRecordsDatabase(leaves: readonly ResolvedLeaf[], names: readonly string[]): Problem[] {
  const leaf = lookUp(leaves)('records.database')
  if (typeof leaf?.value !== 'string' || names.includes(leaf.value)) return []
  const known = names.length === 0 ? 'none is named' : names.join(', ')
  const hint = `Name it by CONTAINER_DATABASE_${leaf.value.toUpperCase()}_URL, or choose another.`
  return [
    problem(nameOf(leaf), `no database is called ${leaf.value}`, `one of the databases (${known})`, hint),
  ]
}

/** Rules of one service: a request carries one kind of authentication. */
export function checkServiceRules(leaves: readonly ResolvedLeaf[]): Problem[] {
  const at = lookUp(leaves)
  const url = at('url')
  const inUrl =
    typeof url?.value === 'string' && splitCredentials(url.value).credentials !== undefined
      ? [nameOf(url)]
      : []
  const others = ['token', 'auth'].flatMap((path) => {
    const leaf = at(path)
    return leaf && leaf.value !== null ? [nameOf(leaf)] : []
  })
  const [first, ...rest] = [...others, ...inUrl]
  if (first === undefined || rest.length === 0) return []
  const found = `set beside ${rest.join(' and ')}${inUrl.length > 0 ? ', which has credentials' : ''}`
  return [
    problem(
      first,
      found,
      'one way to authenticate',
      `Keep one of ${[first, ...rest].join(', ')}; remove ${rest.length > 1 ? 'the others' : 'the other'}.`,
    ),
  ]
}

function nameOf(leaf: ResolvedLeaf): string {
  return leaf.found?.name ?? leaf.setting.env
}

function lookUp(leaves: readonly ResolvedLeaf[]): (path: string) => ResolvedLeaf | undefined {
  const sound = new Map(leaves.filter(({ bad }) => !bad).map((leaf) => [leaf.path, leaf]))
  return (path) => sound.get(path)
}

function ms(leaf: ResolvedLeaf): number {
  return leaf.value as number
}

function show(leaf: ResolvedLeaf): string {
  return `${formatDuration(ms(leaf))}${leaf.found ? leaf.found.where : ' by default'}`
}
