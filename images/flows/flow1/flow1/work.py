"""Works through the files of a directory, a batch of records at a time, until it is told to stop."""

import os
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Protocol

from . import log
from .records import Position, Record, Reject, Row, read_records

PATTERN = "*.csv"


class Store(Protocol):
    def position(self, file: str) -> Position:
        """How far the file has been stored; its beginning if it is new."""
        ...

    def add(self, file: str, start: Position, end: Position, rows: list[Row], rejects: list[Reject]) -> bool:
        """Stores the batch between the two, all or nothing. False if another worker was there first."""
        ...


@dataclass
class Totals:
    rows: int = 0
    rejects: int = 0
    files: int = 0
    """That were worked on to their end."""


@dataclass
class Worker:
    store: Store
    directory: Path
    batch_rows: int
    stop: Event
    totals: Totals = field(default_factory=Totals)
    _unreadable: set[str] = field(default_factory=set)

    def run(self, *, once: bool, poll_seconds: int) -> None:
        """Returns when told to stop, or, with `once`, when there is nothing left to do."""
        while not self.stop.is_set():
            finished = self.work_through_directory()
            if once and finished:
                return
            self.stop.wait(poll_seconds)

    def work_through_directory(self) -> bool:
        """Whether every file that can be read has been stored to its end."""
        finished = True
        for path in sorted(self.directory.glob(PATTERN)):
            if self.stop.is_set():
                return False
            try:
                finished = self._work_through_file(path) and finished
            except OSError as error:
                self._report_unreadable(path, error)
        return finished

    def _work_through_file(self, path: Path) -> bool:
        name = stored_name(path)
        position = self.store.position(name)
        # Half-written files are picked up again when they have grown.
        if path.stat().st_size <= position.offset:
            return True
        before = Totals(self.totals.rows, self.totals.rejects)
        with path.open("rb") as stream:
            records = read_records(stream, position)
            while batch := list(islice(records, self.batch_rows)):
                if self.stop.is_set() or not self._store(name, position, batch):
                    return False
                position = batch[-1].end
        rows, rejects = self.totals.rows - before.rows, self.totals.rejects - before.rejects
        if rows or rejects:
            self.totals.files += 1
            log.info("file worked through", file=name, rows=rows, rejects=rejects)
        return True

    def _store(self, name: str, start: Position, batch: list[Record]) -> bool:
        rows = [record.outcome for record in batch if isinstance(record.outcome, Row)]
        rejects = [record.outcome for record in batch if isinstance(record.outcome, Reject)]
        if not self.store.add(name, start, batch[-1].end, rows, rejects):
            return False
        self.totals.rows += len(rows)
        self.totals.rejects += len(rejects)
        return True

    def _report_unreadable(self, path: Path, error: OSError) -> None:
        name = stored_name(path)
        if name not in self._unreadable:
            self._unreadable.add(name)
            log.warning("cannot read file", file=name, error=error.strerror)


def stored_name(path: Path) -> str:
    """The file's name as text, whatever bytes it is made of."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")
