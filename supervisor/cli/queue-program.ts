// The command lines of `flowkeep queue …` and `flowkeep submit`.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from '../core/exit.ts'
import { limits } from '../core/limits.ts'
import type { Look } from '../core/text-table.ts'
import { parseDurationMs } from '../core/units.ts'
import type { AskSupervisor } from './control-client.ts'
import type { OpenOffline } from './queue-access.ts'
import {
  discard,
  drain,
  list,
  type QueueCommandParts,
  retry,
  runQueueCommand,
  show,
  stats,
} from './queue-command.ts'
import { describeOperation, type SubmitOptions, submitOne } from './submit-command.ts'
import { submitLines } from './submit-lines.ts'

export interface QueueProgramParts {
  /** Made only when a command runs: it reads the configuration. */
  ask(): AskSupervisor
  readonly openOffline: OpenOffline
  readonly look: Look
  readonly input: AsyncIterable<Buffer>
  write(text: string): void
  writeError(text: string): void
  done(code: number): void
}

interface Json {
  readonly json?: boolean
}

export function addQueueCommands(program: Command, parts: QueueProgramParts): void {
  const queue = program
    .command('queue')
    .description('look into the local queue and mend it, also while no supervisor runs')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 65 refused (no such operation, or not in this state), 69 no supervisor answers,' +
        '\n73 the state directory cannot be had, 75 not now: try again later.',
    )
  const run = async (options: Json, command: Parameters<typeof runQueueCommand>[1]) => {
    const { openOffline, look, write, writeError } = parts
    const json = options.json ?? false
    const commandParts: QueueCommandParts = { ask: parts.ask(), openOffline, json, look, write, writeError }
    parts.done(await runQueueCommand(commandParts, command))
  }
  const add = (usage: string, description: string) =>
    queue.command(usage).description(description).option('--json', 'print JSON')

  add('list', 'list operations, oldest first')
    .addOption(
      new Option('--state <state>', 'which ones').choices(['queued', 'held', 'dead']).default('queued'),
    )
    .option('--target <name>', 'those for one database or service')
    .option('--after <position>', 'go on after a page: what it gave as next')
    .option(
      '--limit <number>',
      `at most so many, 1 to ${limits.operationsPerPageMax}`,
      limit,
      limits.operationsPerPage,
    )
    .action(({ json, ...request }) => run({ json }, list(request)))
  add('show <id>', 'show one operation and what it would do').action((id, options) => run(options, show(id)))
  add(
    'retry <id...>',
    'let dead letters have another try, behind what their lanes hold; let held ones go on',
  ).action((ids, options) => run(options, retry(ids)))
  add('discard <id...>', 'forget operations for good; what they would do is not done').action(
    (ids, options) => run(options, discard(ids)),
  )
  add('drain', 'wait until nothing is queued any more; deliver it where no supervisor runs')
    .option('--timeout <duration>', 'how long at most', timeout, parseDurationMs('1m') as number)
    .action((options) => run(options, drain(options.timeout)))
  add('stats', 'how much waits, for whom and why').action((options) => run(options, stats))
  for (const command of queue.commands) {
    command.showHelpAfterError(`(flowkeep queue ${command.name()} --help lists the options)`)
  }
}

export function addSubmitCommand(program: Command, parts: QueueProgramParts): void {
  program
    .command('submit')
    .description('submit an operation to the running supervisor')
    .argument('[-]', 'read operations from standard input, one JSON object on each line')
    .option('--target <name>', 'the database or service it is for')
    .option('--key <key>', 'its lane: operations of one target and key keep their order')
    .option('--id <id>', 'its id; the same id has its effect once (a new one by default)')
    .option('--mode <mode>', 'auto: try now, queue if need be; queue; direct')
    .option('--expires-at <time>', 'ISO time after which it must not have its effect any more')
    .option('--sql <sql>', 'for a database: one statement with $1 … parameters')
    .option('--param <text>', 'the next parameter, as text; may be repeated', collect)
    .option('--params-json <array>', 'all parameters, as a JSON array')
    .option('--method <method>', 'for a service: POST, PUT, PATCH or DELETE')
    .option('--path <path>', 'the path below its URL')
    .option('--body <json>', 'the body, as JSON')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nPrints "applied ID" or "queued ID"; both are exit code 0. Other exit codes: 64 wrong command line,' +
        '\n65 refused for good (the same again will be, too), 69 no supervisor answers, 75 not taken now: the queue or' +
        '\nits disk is full, or with --mode direct the target is away. After 69 and 75 send the same id again.',
    )
    .action(async (from: string | undefined, { json = false, ...options }: SubmitOptions & Json) => {
      const { write, writeError, done } = parts
      const wrong = (text: string) => {
        writeError(`error: ${text}\n(flowkeep submit --help lists the options)\n`)
        done(exitCodes.usage)
      }
      if (from !== undefined) {
        if (from !== '-')
          return wrong(`unknown argument; options describe the operation, or - reads standard input`)
        if (Object.keys(options).length > 0)
          return wrong('- takes the operations as they are: no option but --json')
        return done(await submitLines(parts.input, { ask: parts.ask(), json, write, writeError }))
      }
      const described = describeOperation(options)
      if ('wrong' in described) return wrong(described.wrong)
      done(await submitOne(described.operation, { ask: parts.ask(), json, write, writeError }))
    })
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function limit(text: string): number {
  if (/^(?:[1-9]\d{0,2}|1000)$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`Give a whole number from 1 to ${limits.operationsPerPageMax}.`)
}

/** What a timer of Node.js can hold is more than a day; more is nobody's patience. */
const timeoutMsMax = parseDurationMs('1d') as number

function timeout(text: string): number {
  const ms = parseDurationMs(text)
  if (ms !== undefined && ms <= timeoutMsMax) return ms
  throw new InvalidArgumentError('Give a duration up to 1d, such as 30s or 5m.')
}
