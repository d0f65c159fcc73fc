// The images under test, built as a user builds them. Where nothing has changed that takes a second.

import { checkout } from './checkout.ts'
import { execute } from './docker.ts'

export const tag = 'test'

export const baseImage = `flowkeep-base:${tag}`
export const flow1Image = `flowkeep-flow1:${tag}`

export const flowImages = [flow1Image, `flowkeep-flow2:${tag}`, `flowkeep-flow3:${tag}`]

/** @throws Error with the build's output when it fails */
export async function buildImages(): Promise<void> {
  const { code, stderr } = await execute(`${checkout}/images/build-all.sh`, ['--progress=plain'], {
    TAG: tag,
  })
  if (code !== 0) throw new Error(`images/build-all.sh: exit code ${code}:\n${stderr.slice(-5_000)}`)
}
