"""The records of a queue, one after the other: claimed from the supervisor in batches, given back when not begun."""

import logging
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .errors import Draining, FlowkeepError, RecordUnsettled
from .record import Record
from .transport import ANSWER_SECONDS, Cancellation, Cancelled, Transport

WAIT_MS = 10_000
"""For which the supervisor is asked to wait for records."""
BATCH_MAX = 500
CLOSING_SECONDS = 2.0
"""For giving back what was not begun; what is left then, the supervisor takes back itself."""
REMINDER_SECONDS = 60.0

WAITED_FOR = ("dependency_unavailable", "disk_full")
"""Codes of a claim that an endless loop waits out."""

_log = logging.getLogger("flowkeep")


class Records:
    """An iterator that any number of threads may share. Ends when the container drains, when it is closed, or, with
    `once`, when the queue has nothing to hand out.

    While the database is away it waits. Used as a context manager it gives back at once what was not begun; otherwise
    it does so when it is no longer referred to.
    """

    def __init__(
        self, transport: Transport, queue: str, *, batch: int, once: bool, concurrency: int, timeout: float
    ) -> None:
        if not 1 <= batch <= BATCH_MAX:
            raise ValueError(f"batch is {batch}, not a number from 1 to {BATCH_MAX}")
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency}, not a number from 1")
        self.queue = queue
        self._transport = transport
        self._batch = batch
        self._once = once
        self._concurrency = concurrency
        self._timeout = timeout
        self._ahead: deque[Record] = deque()
        self._open: dict[str, Record] = {}
        self._changed = threading.Condition()
        self._claiming = False
        self._cancellation = Cancellation()
        self._closed = False
        self._unavailable_since: float | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        with self._changed:
            while True:
                if self._closed:
                    raise StopIteration
                if len(self._open) >= self._concurrency:
                    if self._concurrency == 1:
                        raise RecordUnsettled(self.queue, next(iter(self._open.values())).id)
                    self._wait("every record that may be open at one time is unsettled")
                elif self._ahead:
                    record = self._ahead.popleft()
                    self._open[record.id] = record
                    return record
                elif self._claiming:
                    self._changed.wait()
                else:
                    self._claim_or_close()

    def batches(self) -> Iterator[list[Record]]:
        """The same records in lists: one that was waited for, and with it what is there already, up to `concurrency`.
        All of a list are open at a time, and are to be settled before the next."""
        for record in self:
            yield [record, *self._at_hand()]

    def _at_hand(self) -> list[Record]:
        with self._changed:
            count = max(0, min(len(self._ahead), self._concurrency - len(self._open)))
            records = [self._ahead.popleft() for _ in range(count)]
            self._open.update((record.id, record) for record in records)
            return records

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not sys.is_finalizing() and hasattr(self, "_changed"):
            self.close()

    def close(self) -> None:
        """Ends the iteration, also for threads that wait in it, and gives back what was not begun. What is open stays
        open: it can still be settled."""
        with self._changed:
            self._closed = True
            ahead = list(self._ahead)
            self._ahead.clear()
            self._changed.notify_all()
        self._cancellation.cancel()
        deadline = time.monotonic() + CLOSING_SECONDS
        for record in ahead:
            record.limit_time(max(0.0, deadline - time.monotonic()))
            with suppress(FlowkeepError):
                record.release()

    def _claim_or_close(self) -> None:
        """Called and left with the lock held; others may settle, close and wait meanwhile."""
        self._claiming = True
        self._changed.release()
        claimed: list[Record] | None = None
        try:
            claimed = self._claim()
        finally:
            self._changed.acquire()
            self._claiming = False
            self._changed.notify_all()
            if claimed is not None:
                self._ahead.extend(claimed)
        if self._closed:
            # Closed while it was under way: nobody will ask for these.
            self._changed.release()
            try:
                self.close()
            finally:
                self._changed.acquire()
        elif claimed is None or (self._once and not claimed):
            self._closed = True

    def _claim(self) -> list[Record] | None:
        """None when the container drains, or this iterator was closed."""
        wait_ms = 0 if self._once else WAIT_MS
        request = {"queue": self.queue, "limit": self._batch, "waitMs": wait_ms}
        try:
            _, answer = self._transport.call(
                "POST",
                "/v1/records/claim",
                request,
                timeout=self._timeout,
                answer_seconds=ANSWER_SECONDS + wait_ms / 1000,
                cancellation=self._cancellation,
            )
        except (Cancelled, Draining):
            return None
        except FlowkeepError as error:
            if self._once or error.code not in WAITED_FOR:
                raise
            self._say_unavailable(error)
            return []
        if self._unavailable_since is not None:
            _log.info("records of queue %s can be had again", self.queue)
            self._unavailable_since = None
        return [self._record(fields) for fields in answer["records"]]

    def _record(self, fields: dict[str, Any]) -> Record:
        # Weak, so that a loop that was left gives back at once, however long its last record is kept.
        settled = weakref.WeakMethod(self._settled)

        def on_settled(record: Record) -> None:
            if (tell := settled()) is not None:
                tell(record)

        return Record(self._transport, self.queue, fields, timeout=self._timeout, on_settled=on_settled)

    def _settled(self, record: Record) -> None:
        with self._changed:
            self._open.pop(record.id, None)
            self._changed.notify_all()

    def _wait(self, why: str) -> None:
        if not self._changed.wait(REMINDER_SECONDS):
            _log.warning("no record of queue %s was taken for %d s: %s", self.queue, REMINDER_SECONDS, why)

    def _say_unavailable(self, error: FlowkeepError) -> None:
        now = time.monotonic()
        if self._unavailable_since is None or now - self._unavailable_since >= REMINDER_SECONDS:
            _log.warning("records of queue %s cannot be had, waiting: %s", self.queue, error)
            self._unavailable_since = now
