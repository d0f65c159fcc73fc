// Section 4 of the CIS Docker Benchmark, asked of an image, its Dockerfile where that is in this checkout, and the
// services that use it. What `flowkeepctl scan` finds is the ground; here it gets its place in the benchmark. Pure.

import { some } from '../scan/finding.ts'
import type { ImageView } from '../scan/image-view.ts'
import { judgeUser } from './rules/privileges.ts'
import { fail, known, pass, type Rule, unknown, type Verdict, warn } from './verdict.ts'
import type { Workload } from './workload.ts'

export interface ImageSubject {
  readonly name: string
  /** Undefined where it is not on this engine. */
  readonly view: Pick<ImageView, 'config'> | undefined
  /** ISO time; undefined where it is unknown. */
  readonly createdAt: string | undefined
  /** It has the name of another image and its place on this engine. */
  readonly isStandIn: boolean
  /** What the rules I… of the scan found, and with its Dockerfile those called D…. */
  readonly found: ReadonlyMap<string, string | undefined>
  /** Where it comes from; undefined where that is elsewhere. */
  readonly dockerfile: Dockerfile | undefined
  /** The services that use it. */
  readonly services: readonly Workload[]
  /** ISO time. */
  readonly now: string
}

export interface Dockerfile {
  /** Images it starts from, with whether each is a stand-in. */
  readonly bases: readonly { readonly name: string; readonly isStandIn: boolean }[]
}

const ageDaysMax = 90
const dayMs = 86_400_000
/** Builds that give the same bytes again are dated at the beginning of time. */
const plausibleSince = Date.parse('2013-03-20')

export const imageRules: readonly Rule<ImageSubject>[] = [
  {
    id: 'CIS-4.1',
    from: ['CIS 4.1', 'PSS Running as Non-root'],
    title: 'The image has a user that is not root',
    severity: 'high',
    expected: 'USER with a number above 0, or services that each name one',
    fix: 'USER 10001:10001 at the end of the Dockerfile; of an image that others make, user: of the service',
    look(image) {
      const { config } = known(image.view, 'the image')
      const own = judgeUser(config.User ?? '', 'it starts as')
      if (own.status === 'pass') return own
      const users = image.services.map(({ user }) => user ?? '')
      const isOverridden = users.length > 0 && users.every((user) => judgeUser(user, '').status === 'pass')
      return isOverridden ? pass(`${own.found}, and each service here names ${some(unique(users))}`) : own
    },
  },
  {
    id: 'CIS-4.2',
    from: ['CIS 4.2'],
    title: 'It starts from images that nobody can exchange',
    severity: 'medium',
    expected: 'images by their digest',
    fix: 'FROM NAME:VERSION@sha256:…, or for an image that others make image: NAME:VERSION@sha256:… in the Compose file',
    look(image) {
      known(image.view, 'the image')
      if (image.dockerfile === undefined) return judgeForeign(image)
      const { bases } = image.dockerfile
      const loose = bases.filter(({ name }) => !name.includes('@'))
      if (loose.length === 0) return pass(bases.length > 0 ? some(bases.map(({ name }) => name)) : 'its own')
      const floating = loose.filter(({ name }) => isFloating(name))
      if (floating.length > 0) return fail(`${namesOf(floating)} (whatever was pushed last)`)
      const standIns = loose.filter(({ isStandIn }) => isStandIn)
      if (standIns.length > 0) return unknown(`${namesOf(standIns)} (stand-ins on this engine)`)
      return warn(`${namesOf(loose)} (whoever may push there may exchange it)`)
    },
  },
  {
    id: 'CIS-4.3',
    from: ['CIS 4.3'],
    title: 'It has no packages that it does not need',
    severity: 'medium',
    expected: 'no SSH server, sudo, compiler, debugger; no packages that others only recommend',
    fix: 'leave it out, or behind in an earlier stage; apt-get install --no-install-recommends',
    look(image) {
      const programs = known(image.view, 'the image') && image.found.get('I12')
      if (programs !== undefined) return fail(programs)
      const recommended = image.found.get('D04')
      return recommended === undefined ? pass('none that is known for it') : warn(recommended)
    },
  },
  {
    id: 'CIS-4.4',
    from: ['CIS 4.4'],
    title: `It was built within the last ${ageDaysMax} days`,
    severity: 'medium',
    expected:
      'an image that has the patches of the last months; flowkeepctl scan asks for those that are missing',
    fix: 'flowkeepctl build --no-cache --pull; of an image that others make, take a newer version',
    look({ view, createdAt, now, dockerfile }) {
      known(view, 'the image')
      const at = Date.parse(known(createdAt, 'when it was built'))
      if (!(at > plausibleSince)) return unknown('it does not say when it was built')
      const days = Math.max(0, Math.floor((Date.parse(now) - at) / dayMs))
      const found = days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`
      if (days <= ageDaysMax) return pass(found)
      // What others make cannot be built anew here; perhaps there is nothing newer.
      return dockerfile ? fail(found) : warn(found)
    },
  },
  {
    id: 'CIS-4.6',
    from: ['CIS 4.6'],
    title: 'It has a health check',
    severity: 'medium',
    expected: 'HEALTHCHECK, or services that each have one',
    fix: 'HEALTHCHECK CMD ["flowkeep", "health"], as flowkeep-base has it; or healthcheck: of the service',
    look(image) {
      known(image.view, 'the image')
      if (image.found.get('I05') === undefined) return pass('it has one')
      const { services } = image
      const isChecked =
        services.length > 0 && services.every(({ health, isOneShot }) => isOneShot || health === 'checked')
      return isChecked ? pass('it has none, and each service here has') : fail('it has none')
    },
  },
  {
    id: 'CIS-4.7',
    from: ['CIS 4.7'],
    title: 'Package lists are fetched in the step that installs from them',
    severity: 'medium',
    expected: 'update and install in one RUN',
    fix: 'RUN apt-get update && apt-get install …',
    look: (image) => judgeBuild(image, ['D05']),
  },
  {
    id: 'CIS-4.8',
    from: ['CIS 4.8'],
    title: 'No program makes its caller another user',
    severity: 'medium',
    expected: 'no setuid and no setgid program',
    fix: "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +; of an image that others make, accept it where no-new-privileges takes the bit's effect",
    look(image) {
      const programs = known(image.view, 'the image') && image.found.get('I06')
      return programs === undefined ? pass('none') : fail(programs)
    },
  },
  {
    id: 'CIS-4.9',
    from: ['CIS 4.9'],
    title: 'Files are copied, not added',
    severity: 'medium',
    expected: 'COPY; ADD only with --checksum',
    fix: 'COPY in the place of ADD',
    look: (image) => judgeBuild(image, ['D06']),
  },
  {
    id: 'CIS-4.10',
    from: ['CIS 4.10'],
    title: 'It holds no secret',
    severity: 'critical',
    expected: 'none in its environment, history and layers, and none in the Dockerfile',
    fix: 'RUN --mount=type=secret for one step, a mounted file at run time; then change it, for it is known',
    look(image) {
      known(image.view, 'the image')
      const all = ['I02', 'I03', 'I04', 'D03'].flatMap((id) => image.found.get(id) ?? [])
      return all.length > 0 ? fail(all.join('; ')) : pass('none')
    },
  },
  {
    id: 'CIS-4.11',
    from: ['CIS 4.11'],
    title: 'What is installed is checked',
    severity: 'high',
    expected: 'no unsigned packages, and nothing from the network that is run unchecked',
    fix: 'leave the check on; ADD --checksum=sha256:…, pip --require-hashes, npm ci',
    look: (image) => judgeBuild(image, ['D02']),
  },
]

/** An image that others make: by its own name. Whether that has a version is CIS 5.28. */
function judgeForeign({ name, isStandIn }: ImageSubject): Verdict {
  if (name.includes('@')) return pass('it is named by its digest')
  if (isStandIn) return unknown('it stands in for the image of that name on this engine')
  return warn('it is named by its version, and whoever may push there may exchange it')
}

/** What only a Dockerfile shows. The history of an image shows its last stage: enough to fail, not to pass. */
function judgeBuild(image: ImageSubject, ids: readonly string[]): Verdict {
  known(image.view, 'the image')
  const all = ids.flatMap((id) => image.found.get(id) ?? [])
  if (all.length > 0) return fail(all.join('; '))
  return image.dockerfile
    ? pass('it is')
    : unknown('its Dockerfile is not here, and its history shows nothing wrong')
}

function isFloating(name: string): boolean {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return !last.includes(':') || last.endsWith(':latest')
}

function namesOf(bases: readonly { readonly name: string }[]): string {
  return some(bases.map(({ name }) => name))
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
