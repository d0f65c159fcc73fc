import { parseArgs } from 'node:util'

export interface Options {
  /** As many real files as it takes for this many rows; all of them when undefined. */
  readonly rows: number | undefined
  readonly keep: boolean
  readonly namespace: boolean
}

export type ParsedOptions =
  | { readonly ok: true; readonly options: Options }
  | { readonly ok: false; readonly text: string; readonly exitCode: number }

const quickRows = 5_000
const rowsMax = 1_000_000

export const help = `usage: npm run demo [-- OPTION…]

Supervises a flow that works through records and stores real CSV files in a PostgreSQL of its own, with no Docker: the
gate waits for the database, the flow is killed and resumes, 1,000 orphans are reaped, the database is cut off and the queue takes what the
flow writes meanwhile, and every line is accounted for.
Exit code 0 only if everything that was promised was seen and no line is lost or duplicated.

  --quick          the short form: a few small files (${quickRows.toLocaleString('en-US')} rows)
  --rows N         as many files as it takes to have N rows
  --keep           leave the temporary directory with the files and the log
  --no-namespace   run the supervisor as an ordinary process even where it could be PID 1
  --help
`

export function parseOptions(args: readonly string[]): ParsedOptions {
  const options = {
    quick: { type: 'boolean' },
    rows: { type: 'string' },
    keep: { type: 'boolean' },
    'no-namespace': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  try {
    const { values } = parseArgs({ args: [...args], options })
    if (values.help) return { ok: false, text: help, exitCode: 0 }
    const rows = values.rows === undefined ? undefined : rowsFrom(values.rows)
    return {
      ok: true,
      options: {
        rows: rows ?? (values.quick ? quickRows : undefined),
        keep: values.keep ?? false,
        namespace: !values['no-namespace'],
      },
    }
  } catch (error) {
    return { ok: false, text: `${(error as Error).message}\n\n${help}`, exitCode: 64 }
  }
}

function rowsFrom(text: string): number {
  if (!/^[1-9]\d*$/.test(text) || Number(text) > rowsMax) {
    throw new Error(`--rows takes a number from 1 to ${rowsMax}, not ${JSON.stringify(text)}`)
  }
  return Number(text)
}
