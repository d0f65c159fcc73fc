// Our own rules for a Dockerfile, for where no linter is installed. Pure.

import type { SarifRule } from '../../supervisor/core/sarif.ts'
import { canBeSecret, secretLookingName } from '../../supervisor/core/secret-names.ts'
import { expand, type Instruction, parseDockerfile, wordsOf } from '../build/dockerfile-syntax.ts'
import { some } from './finding.ts'

export interface DockerfileRule extends SarifRule {
  /** @param own names that are no images: stages and further contexts */
  look(instructions: readonly Instruction[], own: ReadonlySet<string>): string | undefined
}

const pipedIntoShell = /\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|da|z)?sh\b/
/** Options of apt, apk, dnf, pip, npm, curl and wget. */
const checksSwitchedOff =
  /\s--?(?:allow-unauthenticated|allow-untrusted|force-yes|nogpgcheck|no-gpg-checks|no-check-certificate|trusted-host|insecure)\b|\[[^\]]*\btrusted=yes\b[^\]]*\]|\bcurl\s+(?:\S+\s+)*?-[a-jl-zA-Z]*k[a-zA-Z]*(?=\s)|\bstrict-ssl[\s=]+false\b/

const every = (found: readonly string[]) => (found.length > 0 ? some([...new Set(found)]) : undefined)

export const dockerfileRules: readonly DockerfileRule[] = [
  {
    id: 'D01',
    title: 'Images to start from are named with their version',
    severity: 'medium',
    expected: 'FROM with a tag other than latest, or a digest',
    fix: 'name the version, such as python:3.13-slim-trixie',
    look: (instructions, own) =>
      every(
        imagesIn(instructions).filter((image) => {
          if (own.has(image.toLowerCase()) || image === 'scratch' || image.includes('@')) return false
          const last = image.slice(image.lastIndexOf('/') + 1)
          return !last.includes(':') || last.endsWith(':latest')
        }),
      ),
  },
  {
    id: 'D02',
    title: 'What is fetched from the network is checked',
    severity: 'high',
    expected:
      'no ADD of a URL without --checksum, nothing that is piped from the network into a shell, no check of signatures or certificates that is switched off',
    fix: 'ADD --checksum=sha256:…, or fetch it into a file and check it before it is run',
    look: (instructions) =>
      every(
        instructions.flatMap(({ keyword, rest }) => {
          const { options, words } = wordsOf(rest)
          const isChecked = options.some((option) => option.has('checksum'))
          if (keyword === 'ADD')
            return isChecked ? [] : words.filter((word) => /^https?:\/\//.test(word)).map(shown)
          const unchecked = pipedIntoShell.exec(rest) ?? checksSwitchedOff.exec(rest)
          return keyword === 'RUN' && unchecked ? [shown(unchecked[0])] : []
        }),
      ),
  },
  {
    id: 'D03',
    title: 'No build argument and no variable carries a secret',
    severity: 'high',
    expected: 'no ARG and no ENV whose name is that of a secret',
    fix: 'RUN --mount=type=secret; an argument stays in the history of the image',
    look: (instructions) =>
      every(
        instructions.flatMap(({ keyword, rest }) => {
          if (keyword !== 'ARG' && keyword !== 'ENV') return []
          return wordsOf(rest).words.flatMap((word) => {
            const [name = '', ...value] = word.split('=')
            const isEmptyArgument = keyword === 'ARG' && value.length === 0
            return secretLookingName(name) && (isEmptyArgument || canBeSecret(value.join('='))) ? [name] : []
          })
        }),
      ),
  },
  {
    id: 'D04',
    title: 'Debian packages come without others that they only recommend',
    severity: 'low',
    expected: 'apt-get install --no-install-recommends',
    fix: 'add --no-install-recommends: what it leaves out needs no updates',
    look: (instructions) =>
      every(
        instructions.flatMap(({ keyword, rest }) =>
          keyword !== 'RUN'
            ? []
            : rest
                .split(/&&|;|\n/)
                .filter(
                  (command) =>
                    /\bapt(?:-get)?\b.*\binstall\b/.test(command) &&
                    !command.includes('--no-install-recommends'),
                )
                .map(shown),
        ),
      ),
  },
  {
    id: 'D05',
    title: 'Package lists are fetched in the step that installs from them',
    severity: 'medium',
    expected: 'update and install in one RUN',
    fix: 'RUN apt-get update && apt-get install …: a step that only updates is taken from the cache, as old as it is',
    look: (instructions) =>
      every(
        instructions.flatMap(({ keyword, rest }) => {
          const update =
            /\b(?:apt|apt-get|apk|yum|dnf|microdnf|zypper)\b[^&;|\n]*\b(?:update|makecache|refresh)\b/.exec(
              rest,
            )
          const isUsed =
            /\b(?:install|add|upgrade|dist-upgrade|full-upgrade|build-dep|source|download)\b/.test(rest)
          return keyword === 'RUN' && update && !isUsed ? [shown(update[0])] : []
        }),
      ),
  },
  {
    id: 'D06',
    title: 'Files are copied, not added',
    severity: 'medium',
    expected: 'COPY; ADD only with --checksum',
    fix: 'COPY: ADD also unpacks archives and fetches URLs, which nobody sees in its name',
    look: (instructions) =>
      every(
        instructions.flatMap(({ keyword, rest }) => {
          const { options, words } = wordsOf(rest)
          const isChecked = options.some((option) => option.has('checksum'))
          return keyword === 'ADD' && !isChecked ? [shown(`ADD ${words.join(' ')}`)] : []
        }),
      ),
  },
]

/** The beginning of a command, without what may be a secret: names and passwords in URLs, headers, values. */
function shown(command: string): string {
  return command
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/:\/\/[^/\s@]*@/g, '://…@')
    .replace(
      /((?:authorization|token|password|passwd|secret|key)[\w-]*["']?\s*[:=]\s*)(?:(?:basic|bearer)\s+)?[^\s"'|&]+/gi,
      '$1…',
    )
    .slice(0, 80)
}

/** @param contexts names of the contexts beside the main one */
export function judgeDockerfile(
  text: string,
  contexts: Iterable<string>,
): { rule: DockerfileRule; found: string | undefined }[] {
  const { instructions } = parseDockerfile(text)
  const own = ownNames(instructions, contexts)
  return dockerfileRules.map((rule) => ({ rule, found: rule.look(instructions, own) }))
}

/** The images that a Dockerfile starts from or copies from, without its stages and contexts. */
export function foreignImages(text: string, contexts: Iterable<string>): string[] {
  const { instructions } = parseDockerfile(text)
  const own = ownNames(instructions, contexts)
  const images = imagesIn(instructions).filter(
    (image) => image !== 'scratch' && !own.has(image.toLowerCase()),
  )
  return [...new Set(images)]
}

/** Names that are no images: stages and contexts. */
function ownNames(instructions: readonly Instruction[], contexts: Iterable<string>): ReadonlySet<string> {
  const stages = instructions.flatMap(({ keyword, rest }) => {
    const { words } = wordsOf(rest)
    return keyword === 'FROM' && words[1]?.toUpperCase() === 'AS' ? [words[2]?.toLowerCase() ?? ''] : []
  })
  return new Set([...stages, ...[...contexts].map((name) => name.toLowerCase())])
}

/** What FROM and --from name, with the defaults of arguments put in. */
function imagesIn(instructions: readonly Instruction[]): string[] {
  const values = new Map<string, string>()
  return instructions.flatMap(({ keyword, rest }) => {
    const { options, words } = wordsOf(rest)
    if (keyword === 'ARG') {
      for (const word of words) values.set(word.split('=')[0] ?? '', word.split('=').slice(1).join('='))
    }
    if (keyword === 'FROM') return [expand(words[0] ?? '', values) ?? words[0] ?? '']
    const from = options.find((option) => option.has('from'))?.get('from')
    return keyword === 'COPY' && from !== undefined && !/^\d+$/.test(from) ? [from] : []
  })
}
