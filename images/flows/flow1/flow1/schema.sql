create schema if not exists flow1;

create table if not exists flow1.files (
  file text primary key,
  -- How far the file has been stored: byte offset and number of the next line.
  next_offset bigint not null,
  next_line bigint not null,
  rows bigint not null default 0,
  rejects bigint not null default 0,
  updated_at timestamptz not null default now()
);

create table if not exists flow1.rows (
  file text not null references flow1.files,
  line bigint not null,
  data jsonb not null,
  primary key (file, line)
);

create table if not exists flow1.rejects (
  file text not null references flow1.files,
  line bigint not null,
  reason text not null,
  raw text not null,
  primary key (file, line)
);
