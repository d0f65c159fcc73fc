import fc from 'fast-check'
import t from 'tap'
import {
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
} from '../../../supervisor/core/units.ts'

t.test('R1.1 durations and sizes: one whole number and one unit, nothing else', async (t) => {
  t.equal(parseDurationMs('500ms'), 500)
  t.equal(parseDurationMs('30s'), 30_000)
  t.equal(parseDurationMs('5m'), 300_000)
  t.equal(parseDurationMs('7d'), 604_800_000)
  t.equal(parseSizeBytes('64MiB'), 64 * 1024 * 1024)
  for (const bad of [
    '',
    '30',
    's',
    '1.5s',
    '-1s',
    ' 1s',
    '1 s',
    '1m30s',
    '1S',
    '1constructor',
    '99999999999999d',
  ]) {
    t.equal(parseDurationMs(bad), undefined, JSON.stringify(bad))
  }
  for (const bad of ['64', '64MB', '64mib', '1e3B', '0x1B']) t.equal(parseSizeBytes(bad), undefined, bad)
})

t.test('R1.1 what is shown can be written back', async () => {
  fc.assert(fc.property(fc.nat(2 ** 31), (ms) => parseDurationMs(formatDuration(ms)) === ms))
  fc.assert(fc.property(fc.nat(2 ** 31), (bytes) => parseSizeBytes(formatSize(bytes)) === bytes))
})
