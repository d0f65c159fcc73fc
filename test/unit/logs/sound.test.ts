import t from 'tap'
import { soundLevel, soundTime } from '../../../supervisor/logs/sound.ts'

t.test('§9 times that are sound become ISO ms in UTC', async (t) => {
  const sound: [unknown, string][] = [
    ['2026-05-04T10:20:30.123Z', '2026-05-04T10:20:30.123Z'],
    ['2026-05-04T10:20:30Z', '2026-05-04T10:20:30.000Z'],
    ['2026-05-04T10:20:30.5', '2026-05-04T10:20:30.500Z'],
    ['2026-05-04T10:20:30.123456789Z', '2026-05-04T10:20:30.123Z'],
    ['2026-05-04 10:20:30,123', '2026-05-04T10:20:30.123Z'],
    ['2026-05-04T10:20:30.123456+00:00', '2026-05-04T10:20:30.123Z'],
    ['2026-05-04T10:20:30.123-0530', '2026-05-04T15:50:30.123Z'],
    ['2026-01-01T00:30:00+01:00', '2025-12-31T23:30:00.000Z'],
    ['2026-05-04 10:20:30 UTC', '2026-05-04T10:20:30.000Z'],
    ['2028-02-29T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    [1_777_890_030, '2026-05-04T10:20:30.000Z'],
    [1_777_890_030.25, '2026-05-04T10:20:30.250Z'],
    [1_777_890_030_123, '2026-05-04T10:20:30.123Z'],
    [1_777_890_030_123_456, '2026-05-04T10:20:30.123Z'],
  ]
  for (const [value, iso] of sound) t.equal(soundTime(value), iso, String(value))
})

t.test('§9 times that are not sound are refused', async (t) => {
  const unsound = [
    ...['', 'now', '10:20:30', '2026-05-04', '1999-12-31T23:59:59.999Z', '2100-01-01T00:00:00.000Z'],
    ...['2026-02-30T00:00:00.000Z', '2027-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z'],
    ...['2026-13-01T00:00:00.000Z', '2026-00-10T00:00:00.000Z', '2026-05-04T24:00:00.000Z'],
    ...['2026-05-04T10:60:00.000Z', '2026-05-04T10:20:60.000Z', '2026-05-04T10:20:30.123+25:00'],
    ...['2026-05-04T10:20:30.123Z"', '2026-05-04T10:20:30.123Z\n', `2026-05-04T10:20:30.${'1'.repeat(50)}Z`],
    ...[0, -1, 5, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 946_684_799],
    ...[null, undefined, true, {}, ['2026-05-04T10:20:30.123Z']],
  ]
  for (const value of unsound) t.equal(soundTime(value), undefined, String(value))
})

t.test('§9 levels by name in any case, and by the number of Python or pino', async (t) => {
  const names = ['trace', 'DEBUG', 'Info', 'warn', 'WARNING', 'error', 'fatal', 'CRITICAL']
  t.same(
    names.map((name) => soundLevel(name)),
    ['trace', 'debug', 'info', 'warn', 'warn', 'error', 'fatal', 'fatal'],
  )
  t.same(
    [10, 20, 30, 40, 50].map((number) => soundLevel(number)),
    ['debug', 'info', 'warn', 'error', 'fatal'],
  )
  t.same(
    [10, 20, 30, 40, 50, 60].map((number) => soundLevel(number, 'pino')),
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
  )
  const unsound = [
    '',
    'loud',
    'constructor',
    '__proto__',
    0,
    5,
    15,
    60,
    70,
    -10,
    Number.NaN,
    null,
    undefined,
    ['info'],
  ]
  for (const value of unsound) t.equal(soundLevel(value), undefined, String(value))
})
