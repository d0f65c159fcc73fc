// `npm stop [-- --volumes]`: ends the stack. Its data stay, unless they are to go with it.

import { checkEngine } from '../host/docker.ts'
import { show } from '../host/run.ts'
import { composeArguments } from '../operate/project.ts'
import { orExplain, usageExit } from './exit.ts'
import { stackProject } from './project.ts'

const usage = `usage: npm stop [-- --volumes]
  --volumes   remove the data of the stack, too: its databases, queues and logs`

const [option, ...more] = process.argv.slice(2)
if (option === '--help' && more.length === 0) console.log(usage)
else if ((option !== undefined && option !== '--volumes') || more.length > 0) usageExit(usage)
else {
  await orExplain('npm stop', async () => {
    await checkEngine()
    const down = ['down', '--remove-orphans', ...(option === undefined ? [] : [option])]
    process.exitCode = await show('docker', composeArguments(stackProject(true), down))
  })
}
