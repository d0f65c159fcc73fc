// The images of the stack: those that are missing are built, or for upstream ones pulled.

import { ask, show } from './execute.ts'
import { exitCode, Problem } from './problem.ts'
import { checkout, compose } from './project.ts'

/** @throws Problem when they cannot be had */
export async function ensureImages(monitoring: boolean, rebuild: boolean): Promise<void> {
  const missing = await missingImages(monitoring)
  const own = missing.filter((image) => image.includes('flowkeep-'))
  // What ours are built on is not among them, and may be missing too.
  if (missing.length > 0 || rebuild) await build('images/upstream/build.sh', missing)
  if (own.length > 0 || rebuild) await build('images/build-all.sh', own)
}

async function missingImages(monitoring: boolean): Promise<string[]> {
  const { code, stdout, stderr } = await ask('docker', compose(monitoring, 'config', '--images'))
  if (code !== 0) throw new Problem(`compose/compose.yaml is refused: ${stderr.trim()}`, exitCode.refused)
  const images = [...new Set(stdout.trim().split('\n'))].sort()
  const found = await Promise.all(images.map((image) => ask('docker', ['image', 'inspect', image])))
  return images.filter((_, index) => found[index]?.code !== 0)
}

async function build(script: string, images: readonly string[]): Promise<void> {
  console.error(`${script}${images.length > 0 ? `: missing ${images.join(', ')}` : ''} …`)
  const code = await show(`${checkout}${script}`, [])
  if (code !== 0) {
    throw new Problem(
      `${script} failed with exit code ${code}; what it says stands above`,
      exitCode.unavailable,
    )
  }
}
