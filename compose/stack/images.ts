// The images of the stack: those that are missing are built, or for upstream ones pulled.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { capture, show } from '../host/run.ts'
import type { Configuration } from '../operate/configuration.ts'
import { checkout } from './project.ts'

/** @throws FlowkeepError `build_failed` when they cannot be had */
export async function ensureImages({ services }: Configuration, rebuild: boolean): Promise<void> {
  const images = Object.values(services).flatMap(({ image }) => image ?? [])
  const missing = await missingOf([...new Set(images)].sort())
  const own = missing.filter((image) => image.includes('flowkeep-'))
  // What ours are built on is not among them, and may be missing too.
  if (missing.length > 0 || rebuild) await build('images/upstream/build.sh', missing)
  if (own.length > 0 || rebuild) await build('images/build-all.sh', own)
}

async function missingOf(images: readonly string[]): Promise<string[]> {
  const found = await Promise.all(images.map((image) => capture('docker', ['image', 'inspect', image])))
  return images.filter((_, index) => found[index]?.code !== 0)
}

async function build(script: string, images: readonly string[]): Promise<void> {
  console.error(`${script}${images.length > 0 ? `: missing ${images.join(', ')}` : ''} …`)
  const code = await show(`${checkout}${script}`, [])
  if (code === 0) return
  throw new FlowkeepError('build_failed', {
    operation: 'cannot make the images',
    subject: script,
    message: `${script} ended with exit code ${code}; what it says stands above`,
    hint: 'Mend that, and run this again: what is built already is not built anew.',
  })
}
