// `npm run conformance [-- --init NAME|'CMD …']… [--case TEXT] [--json]`: how inits fare as PID 1, side by side.
// Exits 1 when the first of them fails a case; the others are there to compare with.

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf } from '../../supervisor/core/errors.ts'
import { exitCodes } from '../../supervisor/core/exit.ts'
import { checkout } from '../harness/checkout.ts'
import { defaultInits, type Init, initOf } from './inits.ts'
import { allExitCodes, cannotRun, cases, type Result, run } from './suite.ts'
import { type Column, table } from './table.ts'

const usage = `usage: npm run conformance [-- [--init INIT]… [--case TEXT] [--json]]

  --init INIT   flowkeep, tini, dumb-init, catatonit, s6, or a command line such as 'my-init --':
                the flow's command is appended to it. May be repeated.
                Without it: flowkeep, tini and dumb-init, those that are installed.
  --case TEXT   only cases whose group or name contains TEXT
  --json        the results as JSON

Exits with 1 when the first of them fails a case.`

interface Options {
  readonly inits: readonly Init[]
  readonly text: string
  readonly json: boolean
}

function read(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      init: { type: 'string', multiple: true },
      case: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  return { inits: values.init?.map(initOf) ?? defaultInits(), text: values.case, json: values.json }
}

function options(): Options {
  try {
    return read(process.argv.slice(2))
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`)
    process.exit(exitCodes.usage)
  }
}

async function main({ inits, text, json }: Options): Promise<0 | 1> {
  const problem = cannotRun() ?? missing(inits)
  if (problem !== undefined) {
    console.error(`conformance: ${problem}`)
    return 1
  }
  const chosen = cases.filter(({ group, name }) => `${group}: ${name}`.includes(text))
  if (chosen.length === 0) {
    console.error(`conformance: no case contains "${text}"`)
    return 1
  }
  const columns: Column[] = []
  for (const init of inits) {
    const results: Result[] = []
    for (const result of run(init, chosen, { exitCodes: allExitCodes })) {
      progress(`${init.name}: ${results.length} of ${chosen.length}`)
      results.push(await result)
    }
    progress('')
    columns.push({ init, version: init.version() ?? '', results })
  }
  console.log(json ? JSON.stringify(report(columns), null, 2) : table(columns))
  return columns[0]?.results.some(({ outcome }) => outcome === 'fail') ? 1 : 0
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function missing(inits: readonly Init[]): string | undefined {
  if (!existsSync(`${checkout}/dist/flowkeep.cjs`) && inits.some(({ name }) => name === 'flowkeep')) {
    return 'dist/flowkeep.cjs is missing: npm run build makes it'
  }
  const absent = inits.find((init) => init.version() === undefined)
  return absent && `${absent.name} is not installed`
}

function report(columns: readonly Column[]): object {
  return {
    inits: columns.map(({ init, version, results }) => ({
      name: init.name,
      version,
      command: `${init.shown} CMD`,
      results,
    })),
  }
}

process.exitCode = await main(options())
