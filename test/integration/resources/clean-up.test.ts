// Clean-up on real file systems: what goes, what stays, and that nothing outside is ever touched.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import { systemClock as clock } from '../../../supervisor/core/clock.ts'
import { type CleanUpRequest, cleanUp, isRotatedLog } from '../../../supervisor/resources/clean-up.ts'
import { createSmallDisk, noSmallDisk } from '../../harness/small-disk.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const dayMs = 86_400_000
const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
type Request = Partial<CleanUpRequest> & Pick<CleanUpRequest, 'paths'>
const clean = (request: Request) =>
  cleanUp({ maxAgeMs: dayMs, dryRun: false, keep: [], missing: new Map(), ...request }, clock)

function scratch(t: { teardown(fn: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'clean-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function file(path: string, { days = 0, bytes = 10 }: { days?: number; bytes?: number } = {}): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Buffer.alloc(bytes, 1))
  const atS = Date.now() / 1000 - days * 86_400
  utimesSync(path, atS, atS)
  return path
}

function left(directory: string): string[] {
  // Node's own recursive reading follows links to directories.
  const { stdout } = spawnSync('find', [directory, '-mindepth', '1', '-printf', '%P\\0'], {
    encoding: 'utf8',
  })
  return stdout.split('\0').filter(Boolean).sort()
}

t.test('R8.4 by age: old files go, whatever their name; all else stays', async (t) => {
  const root = scratch(t)
  const inside = join(root, 'tmp')
  file(join(inside, 'new'), { days: 0.5 })
  file(join(inside, 'old'), { days: 2, bytes: 10_000 })
  file(join(inside, 'deep', 'deeper', 'old ünïcode\n'), { days: 2 })
  file(join(inside, 'state', 'slot-0', 'journal'), { days: 9 })
  writeFileSync(Buffer.concat([Buffer.from(`${inside}/`), Buffer.from([0xff, 0xfe])]), '')
  utimesSync(Buffer.concat([Buffer.from(`${inside}/`), Buffer.from([0xff, 0xfe])]), 1, 1)
  const outside = file(join(root, 'outside'), { days: 9 })
  symlinkSync(outside, join(inside, 'link'))
  symlinkSync(root, join(inside, 'link to a directory'))
  linkSync(outside, join(inside, 'second name'))
  spawnSync('mkfifo', [join(inside, 'fifo')])
  const fd = openSync(file(join(inside, 'open'), { days: 9 }), 'r')
  t.teardown(() => closeSync(fd))
  utimesSync(join(inside, 'open'), 1, 1)

  const before = left(root)
  const request = { paths: [inside, join(root, 'absent')], keep: [join(inside, 'state')] }
  const named: string[] = []
  const [dry] = await clean({ ...request, dryRun: true, removed: ({ path }) => void named.push(path) })
  t.strictSame(left(root), before, 'a dry run removes nothing')
  const [report, absent] = await clean(request)
  t.strictSame(report, dry, 'and says what the run then does')
  t.match(report, { files: 4, open: 1, problems: [], cut: false })
  t.ok((report?.bytes ?? 0) >= 10_000 && (report?.bytes ?? 0) < 40_000, `${report?.bytes} bytes`)
  t.equal(named.length, 4)
  t.strictSame(absent?.problems, ['it does not exist'])
  t.strictSame(left(root), [
    ...['outside', 'tmp', 'tmp/deep', 'tmp/deep/deeper', 'tmp/fifo', 'tmp/link', 'tmp/link to a directory'],
    ...['tmp/new', 'tmp/open', 'tmp/state', 'tmp/state/slot-0', 'tmp/state/slot-0/journal'],
  ])
})

t.test('R8.4 where space is missing rotated logs go, the oldest first, until there is enough', async (t) => {
  const inside = scratch(t)
  for (const [name, days] of [
    ['app.log', 0.9],
    ['app.log.1', 0.5],
    ['deep/app.log.2.gz', 0.7],
    ['app.log-20301231', 0.6],
    ['data.1', 0.9],
  ] as const)
    file(join(inside, name), { days, bytes: 8192 })
  file(join(inside, 'app.log.3'), { bytes: 8192 })
  const device = String(spawnSync('stat', ['-c', '%d', inside], { encoding: 'utf8' }).stdout).trim()

  t.match(await clean({ paths: [inside], missing: new Map([['1:1', 1]]) }), [{ files: 0 }], 'another disk')
  const why: string[] = []
  await clean({
    paths: [inside],
    missing: new Map([[device, 8193]]),
    removed: (file) => void why.push(`${file.path.slice(inside.length + 1)} ${file.why}`),
  })
  t.strictSame(why, ['deep/app.log.2.gz rotated', 'app.log-20301231 rotated'])
  t.match(await clean({ paths: [inside], missing: new Map([[device, Infinity]]) }), [{ files: 1 }])
  t.strictSame(left(inside), ['app.log', 'app.log.3', 'data.1', 'deep'], 'one just rotated stays')
})

t.test('R8.4 which names are rotated logs', async (t) => {
  for (const name of ['a.log.1', 'a.log.12.gz', 'a.log-20261128.zst', 'a.log.2026-11-28_12', 'a.log.xz'])
    t.ok(isRotatedLog(Buffer.from(name)), name)
  for (const name of ['a.log', 'a.1', 'a.gz', 'a.log.txt', 'log.1', 'a.login.1', 'a.log.1.txt'])
    t.notOk(isRotatedLog(Buffer.from(name)), name)
})

t.test('§5 attack table: a path that is a link, or leads through one, is refused', async (t) => {
  const root = scratch(t)
  file(join(root, 'real', 'inner', 'old'), { days: 9 })
  symlinkSync(join(root, 'real'), join(root, 'link'))
  const reports = await clean({ paths: [join(root, 'link'), join(root, 'link', 'inner')] })
  for (const report of reports) t.match(report, { files: 0, problems: [/symbolic link/] })
  t.match(await clean({ paths: [join(root, 'real', 'inner')] }), [{ files: 1, problems: [] }])
})

t.test(
  'attack table: directories swapped 10,000 times under a clean-up, outside nothing changes',
  async (t) => {
    const root = scratch(t)
    const [inside, outside] = [join(root, 'inside'), join(root, 'outside')]
    mkdirSync(inside)
    for (const name of ['one.txt', '0.log.1', 'a/one.txt', 'b/one.txt', 'b/3.log.1', 'b/c/one.txt'])
      file(join(outside, name), { days: 99 })
    const sentinels = left(outside)
    const swapper = spawn(
      process.execPath,
      [join(import.meta.dirname, 'swapper.ts'), inside, outside, '10000'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let swaps = ''
    swapper.stdout.on('data', (chunk: Buffer) => {
      swaps += chunk
    })
    const ended = once(swapper, 'exit')
    const device = String(spawnSync('stat', ['-c', '%d', root], { encoding: 'utf8' }).stdout).trim()
    const missing = new Map([[device, Infinity]])
    let [runs, files] = [0, 0]
    while (swapper.exitCode === null) {
      const [report] = await clean({
        paths: [inside],
        missing,
        maxAgeMs: runs % 2 === 0 ? dayMs : 999_999 * dayMs,
      })
      files += report?.files ?? 0
      runs++
    }
    await ended
    t.equal(swaps, '10000')
    t.comment(`${runs} runs removed ${files} files`)
    t.ok(runs > 50 && files > 50, `${runs} runs removed ${files} files`)
    t.strictSame(left(outside), sentinels)
  },
)

t.test('attack table: a file system mounted inside is not entered', { skip: noSmallDisk }, async (t) => {
  const root = scratch(t)
  const [inside, outside] = [join(root, 'inside'), join(root, 'outside')]
  mkdirSync(join(inside, 'mounted'), { recursive: true })
  file(join(inside, 'old'), { days: 9 })
  file(join(outside, 'old'), { days: 9 })
  // A bind mount of the same device, which the number of the device does not give away.
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const command = [process.execPath, ...nodeFlags, program, 'cleanup', '--json']
  const { stdout, status } = spawnSync(
    'unshare',
    [...asRoot, '--mount', 'sh', '-c', script, 'sh', outside, join(inside, 'mounted'), ...command],
    { encoding: 'utf8', env: { CONTAINER_FLOW_NAME: 'x', CONTAINER_CLEANUP_PATHS: inside } },
  )
  t.equal(status, 0)
  t.match(JSON.parse(stdout), { ok: true, paths: [{ files: 1 }], files: [{ path: join(inside, 'old') }] })
  t.strictSame(left(outside), ['old'])
})

t.test(
  'R8.4 on a small disk: low cleans up, critical sheds load, and both are over when there is room again',
  { skip: noNamespace || noSmallDisk },
  async (t) => {
    const root = scratch(t)
    const directory = join(root, 'disk')
    const disk = await createSmallDisk(directory, 16)
    t.teardown(() => disk.close())
    const inside = (name: string) => join(disk.path, 'logs', name)
    file(inside('app.log'), { bytes: 100_000 })
    for (let n = 1; n <= 6; n++) file(inside(`app.log.${n}`), { days: n / 10, bytes: 2 * 1024 ** 2 })
    const flow = await startSupervised(t, {
      command: ['sleep', '1000'],
      launcher: disk.launcher,
      environment: {
        CONTAINER_CLEANUP_PATHS: join(directory, 'logs'),
        CONTAINER_HEALTH_INTERVAL: '1s',
        CONTAINER_CLEANUP_SCHEDULE: '* * * * * *',
        CONTAINER_DISK_LOW_PERCENT: '35',
        CONTAINER_DISK_CRITICAL_PERCENT: '20',
      },
    })
    t.match(await flow.record('disk.low'), { path: join(directory, 'logs') })
    const done = await flow.record('cleanup.done')
    t.match(done, { path: join(directory, 'logs'), files: 1, bytes: 2 * 1024 ** 2 })
    t.strictSame(left(disk.path), [
      ...['logs', 'logs/app.log', ...[1, 2, 3, 4, 5].map((n) => `logs/app.log.${n}`)],
    ])
    t.match((await flow.get('/metrics')).body, /^flowkeep_cleanup_bytes_total 2097152$/m)
    await flow.record('disk.ok')
    file(inside('by-schedule'), { days: 2 })
    await until(
      'the schedule has come',
      async () => left(disk.path),
      (names) => !names.includes('logs/by-schedule'),
    )

    disk.fill()
    await flow.record('disk.critical')
    const health = await until(
      'health says so',
      () => flow.get('/health'),
      ({ body }) => JSON.parse(body).checks.disk?.status === 'unhealthy',
    )
    t.equal(health.status, 503)
    t.match(JSON.parse(health.body).checks.disk.message, /^critical: 0% of the space is free under/)
    t.equal((await flow.get('/readyz')).status, 200)
    disk.empty()
    await until(
      'all is well again',
      () => flow.get('/health'),
      ({ status }) => status === 200,
    )
  },
)
