"""The Prefect flow: one run for each batch of orders, which are priced and placed by several tasks at a time."""

import flowkeep
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner
from worker.worker import batch, complete

from . import NAME
from .effects import effects_of
from .schema import SCHEMA

__all__ = ["BATCH", "SCHEMA", "process"]

BATCH = 24
"""What a container holds when it is lost is handed out one by one afterwards: the more it is, the longer that takes."""
TASKS_AT_ONCE = 4


@task(cache_policy=NO_CACHE)
def place_orders(records: list[flowkeep.Record], run: str) -> int:
    complete([(record, effects_of(record.key or record.id, record.payload, run)) for record in records])
    return len(records)


@flow(name=NAME, task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE))
def process_orders(orders: int, run: str) -> int:
    records = batch.get()
    share = -(-orders // TASKS_AT_ONCE)
    work = [place_orders.submit(records[start : start + share], run) for start in range(0, orders, share)]
    return sum(done.result() for done in work)


def process(run: str, records: list[flowkeep.Record]) -> None:
    process_orders.with_options(flow_run_name=run)(len(records), run)
