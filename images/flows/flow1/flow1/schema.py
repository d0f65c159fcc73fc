"""The flow's tables."""

from worker.files_table import files_table

FILES = "flow1.files"

SCHEMA = (
    "create schema if not exists flow1",
    files_table(FILES),
    """create table if not exists flow1.parts (
      file text not null,
      part integer not null,
      rows integer not null,
      rejects integer not null,
      -- Name of the Prefect flow run that stored it.
      run text not null,
      stored_at timestamptz not null default now(),
      primary key (file, part)
    )""",
    """create table if not exists flow1.rows (
      file text not null,
      line bigint not null,
      data jsonb not null,
      primary key (file, line)
    )""",
    """create table if not exists flow1.rejects (
      file text not null,
      line bigint not null,
      reason text not null,
      raw text not null,
      primary key (file, line)
    )""",
)

ADD_PART = "insert into flow1.parts (file, part, rows, rejects, run) values ($1, $2, $3, $4, $5)"

ADD_ROWS = """insert into flow1.rows (file, line, data)
    select $1, line, data from jsonb_to_recordset($2::jsonb) as row (line bigint, data jsonb)"""

ADD_REJECTS = """insert into flow1.rejects (file, line, reason, raw)
    select $1, line, reason, raw from jsonb_to_recordset($2::jsonb) as row (line bigint, reason text, raw text)"""
