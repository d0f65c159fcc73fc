// The tables of the journal. An operation lies in `ops` until it is applied, dead letters included. Its `place` says
// where it stands in its lane, so that the next operation of a target is found without a look at those that wait: only
// the first of each lane is in `heads` or `waiting`.

export const place = { behind: 0, free: 1, waiting: 2, dead: 3 } as const

export const schemaVersion = 1

/** `crc` covers what never changes about an operation, `state_crc` what does; `place`, `waits` and `due` follow from the rest. */
export const schema = `
CREATE TABLE ops (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  target TEXT NOT NULL,
  lane TEXT NOT NULL,
  hash TEXT NOT NULL,
  work TEXT NOT NULL,
  expires_at REAL,
  bytes INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  place INTEGER NOT NULL,
  waits INTEGER,
  due REAL,
  held INTEGER NOT NULL,
  session INTEGER NOT NULL,
  maybe INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  accepted_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  reason TEXT,
  state_crc INTEGER NOT NULL
) STRICT;
CREATE INDEX lanes ON ops (target, lane, seq) WHERE place < 3;
CREATE INDEX heads ON ops (target, seq) WHERE place = 1;
CREATE INDEX waiting ON ops (target, waits, due) WHERE place = 2;
CREATE INDEX ages ON ops (target, accepted_at) WHERE place IN (1, 2);
CREATE INDEX expiring ON ops (expires_at) WHERE expires_at IS NOT NULL AND place < 3;
CREATE INDEX dead ON ops (seq) WHERE place = 3;
CREATE INDEX held ON ops (seq) WHERE held = 1;

CREATE TABLE done (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,
  result TEXT,
  crc INTEGER NOT NULL
) STRICT;

CREATE TABLE targets (
  target TEXT PRIMARY KEY,
  queued INTEGER NOT NULL,
  held INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  dead_bytes INTEGER NOT NULL,
  crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  session INTEGER NOT NULL,
  next_seq INTEGER NOT NULL,
  next_done INTEGER NOT NULL,
  first_done INTEGER NOT NULL,
  done_bytes INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  corrupt_entries INTEGER NOT NULL,
  crc INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
`

/** Set on every connection. Exclusive: no other process reads along, so the log can always be folded back. */
export const pragmas = `
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 67108864;
PRAGMA wal_autocheckpoint = 500;
PRAGMA temp_store = MEMORY;
PRAGMA cell_size_check = ON;
`

/** In the order of the tables above, as they lie in the file. */
export const opsColumns = [
  'seq',
  'id',
  'target',
  'lane',
  'hash',
  'work',
  'expires_at',
  'bytes',
  'crc',
  'place',
  'waits',
  'due',
  'held',
  'session',
  'maybe',
  'revision',
  'attempts',
  'accepted_at',
  'changed_at',
  'reason',
  'state_crc',
] as const
export const doneColumns = ['number', 'id', 'hash', 'result', 'crc'] as const
export const metaColumns = [
  'one',
  'session',
  'next_seq',
  'next_done',
  'first_done',
  'done_bytes',
  'commits',
  'corrupt_entries',
  'crc',
] as const
