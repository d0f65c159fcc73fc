// `docker buildx bake` by way of images/build-all.sh, which knows this machine's way to the package registries.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { engineProblem, lastLine } from '../host/docker.ts'
import { capture, followErrors } from '../host/run.ts'
import { type Graph, readGraph } from './graph.ts'
import { followProgress, isInstruction, type Progress, type Step } from './progress.ts'

const script = 'images/build-all.sh'

/**
 * @param targets none for the group `default`
 * @throws FlowkeepError `usage` for a target that bake doesn't know
 */
export async function printGraph(root: string, targets: readonly string[]): Promise<Graph> {
  const { code, stdout, stderr } = await capture(`${root}/${script}`, [...targets, '--print'], { cwd: root })
  if (code === 0) return readGraph(stdout)
  const unknown = /failed to find target (\S+)/.exec(stderr)?.[1]
  if (unknown !== undefined && targets.length > 0) {
    const known = (await printGraph(root, [])).map(({ name }) => name)
    throw new FlowkeepError('usage', {
      operation: 'cannot build',
      subject: unknown,
      message: `there is no target ${unknown}`,
      hint: `Targets are ${known.join(', ')}, and whatever else images/docker-bake.hcl names.`,
    })
  }
  throw (
    engineProblem(stderr) ??
    new FlowkeepError('build_failed', {
      operation: 'cannot read images/docker-bake.hcl',
      subject: 'images/docker-bake.hcl',
      message: lastLine(stderr) || `exit code ${code}`,
      hint: `Mend the file; \`${script} --print\` shows what it comes to.`,
    })
  )
}

export interface Baked {
  readonly progress: Progress
  readonly code: number
}

/** Builds and follows it; the exit code and what stands in `progress` say what came of it. */
export async function bake(
  root: string,
  targets: readonly string[],
  options: readonly string[],
  ended: (step: Step) => void,
  watch: (progress: Progress) => () => void,
): Promise<Baked> {
  const progress = followProgress(ended)
  const stopWatching = watch(progress)
  try {
    const args = [...targets, ...options]
    const code = await followErrors(`${root}/${script}`, args, { cwd: root }, progress.line)
    return { progress, code }
  } finally {
    stopWatching()
  }
}

/** Why a build failed, as one message with what the failing step printed last. */
export function buildProblem({ progress, code }: Baked, targets: readonly string[]): FlowkeepError {
  const text = progress.text().join('\n')
  const engine = engineProblem(text)
  if (engine) return engine
  // When one target fails, the steps of the others are cut off, and say so in many words.
  const failed = [...progress.steps()].find(
    ([, step]) => isInstruction(step) && step.error !== undefined && !/context canceled/i.test(step.error),
  )
  const [digest, step] = failed ?? []
  const last = digest === undefined ? [] : progress.logOf(digest).slice(-logLinesShown)
  const what = step ? `${step.name}: ${step.error}` : finalError(text) || `exit code ${code}`
  return new FlowkeepError('build_failed', {
    operation: `cannot build ${targets.join(', ')}`,
    subject: step?.name ?? script,
    message: [shorten(what), ...last.map((line) => `  ${line}`)].join('\n'),
    hint: hintFor(`${what}\n${last.join('\n')}`),
  })
}

/** The last line says what, and one before it, on its own, in which line of which Dockerfile. */
function finalError(text: string): string {
  const [place] = /^\S*Dockerfile\S*:\d+$/m.exec(text) ?? []
  return [place, lastLine(text)].filter(Boolean).join(': ')
}

const logLinesShown = 15

/** BuildKit repeats the whole command in its error; its beginning stands in the step's name already. */
function shorten(text: string): string {
  return text
    .replace(/failed to solve: /, '')
    .replace(/process "[\s\S]*" did not complete successfully: /, '')
    .trim()
}

function hintFor(text: string): string {
  if (/dockerfile parse error|unknown instruction/i.test(text)) return 'Mend that line of the Dockerfile.'
  if (/not found|failed to resolve source metadata|pull access denied|no such host/i.test(text)) {
    return 'If it is an upstream image that no registry gives here, `images/upstream/build.sh` builds a stand-in; a path that COPY names needs its line in .dockerignore.'
  }
  if (/no space left on device/i.test(text))
    return 'Free space on the disk of the engine: docker system df, docker builder prune.'
  if (
    /ECONN|ETIMEDOUT|EAI_AGAIN|certificate|Temporary failure|Could not resolve|Connection (?:refused|timed out)/i.test(
      text,
    )
  ) {
    return 'A package registry was not reached. images/README.md, "Build secrets", says how a build gets to one.'
  }
  return `Mend what the step says. All of its output: ${script} --progress=plain`
}
