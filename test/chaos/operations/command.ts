// `npm run chaos`: a run as a command. See options.ts.

import { writeFileSync } from 'node:fs'
import { parseOptions } from './options.ts'
import { textOf } from './report.ts'
import { run } from './run.ts'

const exitCodes = { passed: 0, failed: 1, invalid: 2 } as const

export async function operationsCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, Date.now())
  if (!parsed.ok) {
    console.log(parsed.text)
    return parsed.exitCode
  }
  const { options } = parsed
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130)
      console.log('ends with this round; once more ends it at once')
      ending.abort()
    })
  }
  console.log(`seed ${options.seed}`)
  const { report, files } = await run(options, (line) => console.log(line), ending.signal)
  console.log(textOf(report))
  if (files !== undefined) console.log(`the files are in ${files}`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  return exitCodes[report.outcome]
}
