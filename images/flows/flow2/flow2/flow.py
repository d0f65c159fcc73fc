"""The Prefect flow: one run for each batch of records, one task run for each record."""

from pathlib import Path

import flowkeep
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner
from worker import log
from worker.parts import enqueue_parts, is_part, read
from worker.worker import batch, complete

from . import NAME
from .schema import ADD_LIST, SCHEMA
from .verdicts import effects_of

__all__ = ["BATCH", "SCHEMA", "process"]

BATCH = 16
TASKS_AT_ONCE = 4


@task(cache_policy=NO_CACHE)
def cut_list(record: flowkeep.Record, directory: Path, run: str) -> None:
    try:
        parts = enqueue_parts(NAME, directory, record.payload)
    except (OSError, ValueError) as error:
        refuse(record, error)
    else:
        complete([(record, [(ADD_LIST, [record.payload["file"], parts, run])])])


@task(cache_policy=NO_CACHE)
def judge_part(record: flowkeep.Record, directory: Path, run: str) -> None:
    try:
        records = read(directory, record.payload)
    except (OSError, ValueError) as error:
        refuse(record, error)
    else:
        complete([(record, effects_of(record.payload, records, run))])


@flow(name=NAME, task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE))
def validate_lists(lists: list[str], directory: Path, run: str) -> None:
    work = [
        (judge_part if is_part(record.payload) else cut_list).submit(record, directory, run) for record in batch.get()
    ]
    for done in work:
        done.result()


def process(directory: Path, run: str, records: list[flowkeep.Record]) -> None:
    lists = sorted({record.payload["file"] for record in records})
    validate_lists.with_options(flow_run_name=run)(lists, directory, run)


def refuse(record: flowkeep.Record, error: OSError | ValueError) -> None:
    """A list that cannot be read may be readable later; one that has changed will not change back."""
    log.warning("a list cannot be validated", file=record.payload["file"], error=str(error))
    record.fail(f"{type(error).__name__}: {error}", retry=isinstance(error, OSError))
