"""A file in parts: each is a record of its own, so that several workers share a large file and none does it twice."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import flowkeep

from .csv_records import Position, Record, read_records
from .directory import FilePayload, path_of

PART_RECORDS_MAX = 500
PART_BYTES_MAX = 1024 * 1024
"""A part is stored in one completion, which may have 8 MiB; its bytes may grow sixfold as JSON."""


class PartPayload(FilePayload):
    part: int
    """From 1."""
    offset: int
    line: int
    records: int


def is_part(payload: Any) -> bool:
    return "part" in payload


def enqueue_parts(queue: str, directory: Path, payload: FilePayload) -> int:
    """How many there are. Done again it changes nothing: a part is known by its number. Raises OSError, ValueError."""
    parts = cut(path_of(directory, payload), payload)
    return len(flowkeep.enqueue(queue, parts, key=lambda part: f"{part['path']}#{part['part']}").ids)


def cut(path: Path, payload: FilePayload) -> Iterator[PartPayload]:
    """The same for the same file. Raises OSError."""
    with path.open("rb") as stream:
        start = previous = Position()
        count, number = 0, 1
        for record in read_records(stream, Position()):
            if count and (count == PART_RECORDS_MAX or record.end.offset - start.offset > PART_BYTES_MAX):
                yield _part(payload, number, start, count)
                start, count, number = previous, 0, number + 1
            count += 1
            previous = record.end
        if count:
            yield _part(payload, number, start, count)


def _part(payload: FilePayload, number: int, start: Position, count: int) -> PartPayload:
    return {**payload, "part": number, "offset": start.offset, "line": start.line, "records": count}


def read(directory: Path, part: PartPayload) -> list[Record]:
    """Raises OSError, or ValueError when the file is no more the one that was cut."""
    with path_of(directory, part).open("rb") as stream:
        records = list(islice(read_records(stream, Position(part["offset"], part["line"])), part["records"]))
    if len(records) != part["records"]:
        raise ValueError(f"{part['file']} has changed since it was cut into parts")
    return records
