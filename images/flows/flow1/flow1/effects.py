"""What a part of a file comes to in the database."""

from collections.abc import Sequence
from typing import Any

from worker.csv_records import Record, Reject, Row
from worker.parts import PartPayload

from .schema import ADD_PART, ADD_REJECTS, ADD_ROWS

Effect = tuple[str, list[Any]]


def effects_of(part: PartPayload, records: Sequence[Record], run: str) -> list[Effect]:
    file = part["file"]
    rows = [{"line": o.line, "data": o.values} for r in records if isinstance(o := r.outcome, Row)]
    rejects = [
        {"line": o.line, "reason": o.reason, "raw": o.raw} for r in records if isinstance(o := r.outcome, Reject)
    ]
    effects: list[Effect] = []
    if rows:
        effects.append((ADD_ROWS, [file, rows]))
    if rejects:
        effects.append((ADD_REJECTS, [file, rejects]))
    effects.append((ADD_PART, [file, part["part"], len(rows), len(rejects), run]))
    return effects
