"""The loop of a worker: batch by batch, each under a Prefect flow, until it drains or is told to stop."""

import os
import signal
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from threading import Event, Thread
from types import FrameType
from uuid import uuid4

import flowkeep

from . import log
from .progress import Progress

DATABASE = "flows"
"""The target of every effect: CONTAINER_DATABASE_FLOWS_URL."""

Process = Callable[[str, list[flowkeep.Record]], None]


@dataclass(frozen=True)
class Work:
    name: str
    """Of the flow and of its queue."""
    schema: Sequence[str]
    """Statements that make the flow's tables where they are missing."""
    batch: int
    """Records that are taken at one time, at most."""
    process: Process
    """Settles a batch in a Prefect flow run of this name. What it leaves unsettled is tried again."""
    feed: Callable[[Event], None] | None = None
    """Runs beside it and enqueues what is to be done, until the event is set."""


batch: ContextVar[list[flowkeep.Record]] = ContextVar("batch")
"""What the flow run that is going on has in hand: records are no parameters, which Prefect would store."""


def run(work: Work) -> int:
    """The exit code, after the last batch."""
    stop = Event()

    def begin_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, begin_stop)
    signal.signal(signal.SIGINT, begin_stop)
    failures: list[BaseException] = []

    def loop() -> None:
        try:
            _loop(work, records)
        except BaseException as error:  # told to the main thread, which ends with it
            failures.append(error)
        finally:
            stop.set()

    _make_schema(work)
    flowkeep.ready()
    with flowkeep.records(work.name, batch=work.batch, concurrency=work.batch) as records:
        # In a thread of its own, Prefect leaves the signals alone: a stop lets the batch end, and its run is Completed.
        looping = Thread(target=loop, name="records")
        looping.start()
        if work.feed is not None:
            Thread(target=work.feed, args=(stop,), name="feed", daemon=True).start()
        log.info("working", queue=work.name, batch=work.batch)
        stop.wait()
    looping.join()
    # The loop may have ended because the container drains: the signal comes while Python takes itself down, which
    # would put its default action in the place of a handler, but leaves an ignored signal ignored.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if failures:
        raise failures[0]
    log.info("stopped")
    return 0


def _make_schema(work: Work) -> None:
    """Once, however many workers begin at the same time: the operation is known by its content."""
    name = sha256("\0".join(work.schema).encode()).hexdigest()[:16]
    flowkeep.submit(DATABASE, effects=list(work.schema), key=f"{work.name}.schema", id=f"{work.name}.schema.{name}")


def _loop(work: Work, records: flowkeep.Records) -> None:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    # The heartbeat holds up the end of each run for a second. It tells the server of runs whose process has died, and
    # that is what the supervisor does.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        _work_through(work, records)


def _work_through(work: Work, records: flowkeep.Records) -> None:
    progress = Progress()
    for taken in records.batches():
        progress.begin(len(taken))
        token = batch.set(taken)
        name = f"{work.name} {os.environ.get('HOSTNAME', '')} {uuid4().hex[:12]}"
        try:
            work.process(name, taken)
        except flowkeep.Unreachable:
            raise
        except Exception as error:
            log.error("a batch failed", run=name, error=f"{type(error).__name__}: {error}")
        finally:
            batch.reset(token)
        for record in taken:
            if not record.settled:
                _give_back(record)
        progress.end(len(taken))


def _give_back(record: flowkeep.Record) -> None:
    try:
        record.fail("the flow did not settle it")
    except flowkeep.EpochStale:
        pass


def complete(items: Sequence[tuple[flowkeep.Record, list[flowkeep.Effect]]]) -> None:
    """Completes records, each with its own effects. What has a newer owner by now is that one's; what the database
    refuses for good is failed with its reason."""
    for done in flowkeep.complete(items):
        if isinstance(done.error, flowkeep.EpochStale):
            log.warning("a record has a newer owner", record=done.record.id)
        elif done.error is not None:
            done.record.fail(f"{done.error.code}: {done.error}", retry=False)
