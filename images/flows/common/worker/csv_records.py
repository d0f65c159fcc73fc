"""From the bytes of a CSV file to its records: rows, and rejects with their reason.

A record is one line, or several where a quoted field holds line breaks. A line that can't be read is rejected by
itself and reading goes on at the next: one forgotten quote must not swallow the rest of the file.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

RECORD_BYTES_MAX = 1024 * 1024
RECORD_LINES_MAX = 100
REJECT_CHARACTERS_MAX = 1_000

# A field may be as long as the record it is in; the module's own limit is lower.
csv.field_size_limit(RECORD_BYTES_MAX)


@dataclass(frozen=True)
class Position:
    """A place between two records."""

    offset: int = 0
    """In bytes from the start of the file."""
    line: int = 1
    """Number of the line that begins there."""


@dataclass(frozen=True)
class Row:
    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Reject:
    line: int
    reason: str
    raw: str
    """The beginning of the line, as text that can be stored."""


@dataclass(frozen=True)
class Record:
    outcome: Row | Reject
    end: Position


def read_records(stream: BinaryIO, start: Position) -> Iterator[Record]:
    """The records from `start` on. The first record of the file names the columns and is none itself."""
    lines = _Lines(stream)
    columns = _read_columns(lines)
    # Without names for the columns nothing can be stored, and nothing may be left out either.
    header_end = lines.position if columns is not None else Position()
    lines.go_to(max(start, header_end, key=lambda position: position.offset))
    while (fields := lines.next_record()) is not None:
        outcome = fields if isinstance(fields, Reject) else _match(lines, fields, columns)
        yield Record(outcome, lines.position)


def _read_columns(lines: "_Lines") -> list[str] | None:
    fields = lines.next_record()
    if fields is None or isinstance(fields, Reject):
        return None
    return column_names(fields)


def column_names(fields: Sequence[str]) -> list[str]:
    """Each name once; a column without one is called by its number."""
    names: list[str] = []
    for number, field in enumerate(fields, start=1):
        name = field.strip() or f"column_{number}"
        while name in names:
            name = f"{name}_{number}"
        names.append(name)
    return names


def _match(lines: "_Lines", fields: list[str], columns: list[str] | None) -> Row | Reject:
    if columns is None:
        return lines.reject("the file has no readable header")
    if len(fields) != len(columns):
        return lines.reject(f"{len(fields)} fields where the header has {len(columns)}")
    return Row(lines.record_line, dict(zip(columns, fields, strict=True)))


@dataclass(frozen=True)
class _Line:
    raw: bytes
    """With its line break; only the beginning of a line that is too long to be read."""
    size: int
    """In bytes, of the whole line."""


class _Lines:
    """Reads records and knows where in the file it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ahead: deque[_Line] = deque()
        self._raw = b""
        self.position = Position()
        self.record_line = 1

    def go_to(self, position: Position) -> None:
        self._ahead.clear()
        self._stream.seek(position.offset)
        self.position = position

    def next_record(self) -> list[str] | Reject | None:
        """Its fields, or why it has none; None at the end of the file."""
        first = self._next_line()
        if first is None:
            return None
        self.record_line = self.position.line
        taken, fields, reason = self._complete(first)
        if fields is None:
            # What comes after the line may be sound.
            self._ahead.extendleft(reversed(taken[1:]))
            taken = [first]
        self._raw = b"".join(line.raw for line in taken)
        size = sum(line.size for line in taken)
        self.position = Position(self.position.offset + size, self.position.line + len(taken))
        return fields if fields is not None else self.reject(reason)

    def reject(self, reason: str) -> Reject:
        """The record that was read last."""
        text = self._raw[: REJECT_CHARACTERS_MAX * 4].decode("utf-8", "backslashreplace")
        text = text.rstrip("\r\n").replace("\0", "\\x00")
        return Reject(self.record_line, reason, text[:REJECT_CHARACTERS_MAX])

    def _complete(self, first: _Line) -> tuple[list[_Line], list[str] | None, str]:
        """Takes as many lines as the record needs. Gives them with its fields, or with the reason for None."""
        taken = [first]
        while True:
            fields, reason = _parse(b"".join(line.raw for line in taken))
            if reason != _UNFINISHED:
                joined = len(taken) > 1 and fields is None
                return taken, fields, f"a quote is opened and not closed: {reason}" if joined else reason
            following = self._next_line() if len(taken) < RECORD_LINES_MAX else None
            if following is None:
                return taken, None, "a quote is opened and never closed"
            taken.append(following)

    def _next_line(self) -> _Line | None:
        if self._ahead:
            return self._ahead.popleft()
        raw = self._stream.readline(RECORD_BYTES_MAX + 1)
        size = len(raw)
        piece = raw
        while len(piece) > RECORD_BYTES_MAX and not piece.endswith(b"\n"):
            piece = self._stream.readline(RECORD_BYTES_MAX + 1)
            size += len(piece)
        return _Line(raw, size) if raw else None


_UNFINISHED = "unfinished"


def _parse(raw: bytes) -> tuple[list[str] | None, str]:
    """The fields and "", or None and the reason."""
    if len(raw) > RECORD_BYTES_MAX:
        return None, f"longer than {RECORD_BYTES_MAX} bytes"
    if b"\0" in raw:
        return None, "a NUL byte"
    try:
        # Spreadsheets put a byte order mark in front.
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, f"not UTF-8: byte 0x{raw[error.start]:02x}"
    if text.strip() == "":
        return None, "an empty line"
    try:
        return next(csv.reader([text], strict=True)), ""
    except csv.Error as error:
        # The module has no other way to say that the record goes on.
        if str(error) == "unexpected end of data":
            return None, _UNFINISHED
        return None, str(error).partition(" - ")[0]
