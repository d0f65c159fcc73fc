"""The flow's tables in PostgreSQL."""

import json
from pathlib import Path

import psycopg

from .records import Position, Reject, Row

CONNECT_TIMEOUT_SECONDS = 5
# Any number that nobody else uses: "flow1" in ASCII.
SCHEMA_LOCK = 0x666C6F7731

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")

SCHEMA_EXISTS = "select to_regclass('flow1.rejects') is not null"

POSITION = "select next_offset, next_line from flow1.files where file = %s"

# The first batch makes the file's row. Whoever else works on the file waits here, and then sees what was stored.
CLAIM = """
    insert into flow1.files (file, next_offset, next_line) values (%(file)s, 0, 1)
    on conflict (file) do update set file = excluded.file
    returning next_offset"""

ADVANCE = """
    update flow1.files
    set next_offset = %(offset)s, next_line = %(line)s, rows = rows + %(rows)s, rejects = rejects + %(rejects)s,
        updated_at = now()
    where file = %(file)s"""

ADD_ROWS = """
    insert into flow1.rows (file, line, data)
    select %s, line, data from unnest(%s::bigint[], %s::text[]::jsonb[]) as batch (line, data)"""

ADD_REJECTS = """
    insert into flow1.rejects (file, line, reason, raw)
    select %s, line, reason, raw from unnest(%s::bigint[], %s::text[], %s::text[]) as batch (line, reason, raw)"""


class PostgresStore:
    """Every method may raise psycopg.Error: the flow then ends, and is started anew once the database answers."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            url, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="flow1", autocommit=True
        )

    def close(self) -> None:
        self._connection.close()

    def create_schema(self) -> None:
        """Safe from many workers at once: `if not exists` alone is not."""
        found = self._connection.execute(SCHEMA_EXISTS).fetchone()
        if found == (True,):
            return
        with self._connection.transaction():
            self._connection.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            self._connection.execute(SCHEMA)

    def position(self, file: str) -> Position:
        found = self._connection.execute(POSITION, (file,)).fetchone()
        return Position() if found is None else Position(*found)

    def add(self, file: str, start: Position, end: Position, rows: list[Row], rejects: list[Reject]) -> bool:
        with self._connection.transaction():
            claimed = self._connection.execute(CLAIM, {"file": file}).fetchone()
            if claimed != (start.offset,):
                return False
            self._add_rows(file, rows)
            self._add_rejects(file, rejects)
            self._connection.execute(
                ADVANCE,
                {
                    "file": file,
                    "offset": end.offset,
                    "line": end.line,
                    "rows": len(rows),
                    "rejects": len(rejects),
                },
            )
        return True

    def _add_rows(self, file: str, rows: list[Row]) -> None:
        data = [json.dumps(row.values, ensure_ascii=False) for row in rows]
        self._connection.execute(ADD_ROWS, (file, [row.line for row in rows], data))

    def _add_rejects(self, file: str, rejects: list[Reject]) -> None:
        lines = [reject.line for reject in rejects]
        reasons = [reject.reason for reject in rejects]
        raws = [reject.raw for reject in rejects]
        self._connection.execute(ADD_REJECTS, (file, lines, reasons, raws))
