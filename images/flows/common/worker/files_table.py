"""The table that says of each file in how many parts it was cut, and by which run."""

from typing import Any


def files_table(name: str) -> str:
    return f"""create table if not exists {name} (
      file text primary key,
      parts integer not null,
      -- Name of the Prefect flow run that cut it.
      run text not null,
      cut_at timestamptz not null default now()
    )"""


def add_file(table: str, file: str, parts: int, run: str) -> tuple[str, list[Any]]:
    return f"insert into {table} (file, parts, run) values ($1, $2, $3)", [file, parts, run]
