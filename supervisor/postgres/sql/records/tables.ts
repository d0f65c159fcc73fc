// Records wait and are worked on in `processing_queue`, and leave it for `record_history`. A supervisor has a row in
// `worker_session` while it holds records: its lease is the lease of all of them. `record_key` remembers keys for as long
// as history does, so that the same key is the same record even after it was completed.

export const recordTables = `
create sequence flowkeep.record_id;
-- Whoever may use the schema may add records; the tables say which ones.
grant usage on sequence flowkeep.record_id to public;

create table flowkeep.worker_session (
  id uuid primary key default gen_random_uuid(),
  instance text not null,
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  lease_expires_at timestamptz not null
);

create table flowkeep.processing_queue (
  id bigint primary key default nextval('flowkeep.record_id'),
  queue text not null,
  key text,
  -- The smallest goes first.
  priority integer not null default 0,
  run_at timestamptz not null default now(),
  -- A scheduled record becomes pending when its time has come.
  status text not null default 'pending' check (status in ('scheduled', 'pending', 'running')),
  attempts integer not null default 0,
  max_attempts integer,
  -- Grows with every change of owner. Whoever names an older one is refused.
  epoch bigint not null default 0,
  session_id uuid,
  -- The number that the session gave to the claim.
  claim bigint,
  -- When it is taken back even though its session lives.
  expires_at timestamptz,
  -- Its last owner died with it: it is handed out alone, so that it takes no other along.
  suspect boolean not null default false,
  reason text,
  payload json not null,
  payload_bytes integer generated always as (octet_length(payload::text)) stored,
  created_at timestamptz not null default now()
) with (
  -- A queue is mostly dead rows: they are cleared away early.
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.05
);
create index processing_queue_pending on flowkeep.processing_queue (queue, priority, run_at, id)
  where status = 'pending';
create index processing_queue_scheduled on flowkeep.processing_queue (queue, run_at) where status = 'scheduled';
create index processing_queue_running on flowkeep.processing_queue (session_id, expires_at)
  where status = 'running';

create table flowkeep.record_key (
  queue text not null,
  key text not null,
  record_id bigint not null,
  primary key (queue, key)
);

create table flowkeep.record_history (
  id bigint not null,
  queue text not null,
  key text,
  outcome text not null check (outcome in ('completed', 'failed')),
  epoch bigint not null,
  attempts integer not null,
  reason text,
  -- Of what failed only.
  payload json,
  created_at timestamptz not null,
  finished_at timestamptz not null default now()
) partition by range (finished_at);
create index record_history_id on flowkeep.record_history (id);
create index record_history_failed on flowkeep.record_history (queue, finished_at) where outcome = 'failed';
-- For days that nobody has made a partition for.
create table flowkeep.record_history_other partition of flowkeep.record_history default;

-- How many records a queue has, counted by one supervisor for all of them.
create table flowkeep.queue_figures (
  queue text primary key,
  pending bigint not null default 0,
  scheduled bigint not null default 0,
  running bigint not null default 0,
  failed bigint not null default 0
);
create table flowkeep.figures_count (
  only_one boolean primary key default true check (only_one),
  counted_at timestamptz not null default '-infinity',
  took interval not null default '0'
);
insert into flowkeep.figures_count default values;
`
