"""A worker over the files of a directory: each file is a record, which is cut into parts, each a record again. One run of
a Prefect flow for each batch of records, one task run for each record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import flowkeep
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from . import log
from .csv_records import Record
from .directory import feed
from .files_table import add_file
from .parts import PartPayload, enqueue_parts, is_part, read
from .worker import Work, batch, complete

BATCH = 16
TASKS_AT_ONCE = 4


@dataclass(frozen=True)
class FileFlow:
    name: str
    """Of the flow and of its queue."""
    files: str
    """The table that says of each file how many parts it has."""
    schema: Sequence[str]
    """Statements that make the flow's tables where they are missing."""
    effects_of: Callable[[PartPayload, Sequence[Record], str], list[flowkeep.Effect]]
    """What a part comes to in the database, stored by the run of this name."""


def work_on(own: FileFlow, directory: Path) -> Work:
    @task(cache_policy=NO_CACHE)
    def cut_file(record: flowkeep.Record, run: str) -> None:
        try:
            parts = enqueue_parts(own.name, directory, record.payload)
        except (OSError, ValueError) as error:
            refuse(record, error)
        else:
            complete([(record, [add_file(own.files, record.payload["file"], parts, run)])])

    @task(cache_policy=NO_CACHE)
    def store_part(record: flowkeep.Record, run: str) -> None:
        try:
            records = read(directory, record.payload)
        except (OSError, ValueError) as error:
            refuse(record, error)
        else:
            complete([(record, own.effects_of(record.payload, records, run))])

    @flow(name=own.name, task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE))
    def process_files(files: list[str], run: str) -> None:
        work = [(store_part if is_part(record.payload) else cut_file).submit(record, run) for record in batch.get()]
        for done in work:
            done.result()

    def process(run: str, records: list[flowkeep.Record]) -> None:
        files = sorted({record.payload["file"] for record in records})
        process_files.with_options(flow_run_name=run)(files, run)

    return Work(own.name, own.schema, BATCH, process, partial(feed, own.name, directory))


def refuse(record: flowkeep.Record, error: OSError | ValueError) -> None:
    """A file that cannot be read may be readable later; one that has changed will not change back."""
    log.warning("a file cannot be processed", file=record.payload["file"], error=str(error))
    record.fail(f"{type(error).__name__}: {error}", retry=isinstance(error, OSError))
