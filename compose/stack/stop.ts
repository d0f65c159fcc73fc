// `npm stop [-- --volumes]`: ends the stack. Its data stay, unless they are to go with it.

import { checkEngine } from './engine.ts'
import { show } from './execute.ts'
import { exitCode, Problem } from './problem.ts'
import { compose } from './project.ts'

const [option, ...more] = process.argv.slice(2)
if ((option !== undefined && option !== '--volumes') || more.length > 0) {
  console.error('usage: npm stop [-- --volumes]')
  process.exitCode = exitCode.usage
} else {
  try {
    await checkEngine()
    const down = ['down', '--remove-orphans', ...(option === undefined ? [] : [option])]
    process.exitCode = await show('docker', compose(true, ...down))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    console.error(`npm stop: ${error.message}`)
    process.exitCode = error.exitCode
  }
}
