"""Run as `python -m flow3`."""

from collections.abc import Callable

from worker.leave import leave
from worker.settings import Reader
from worker.start import start

from . import NAME

ORDERS = "CONTAINER_APP_ORDERS"
SEED = "CONTAINER_APP_SEED"
ORDERS_MAX = 1_000_000
SEED_MAX = 2**31


def prepare(reader: Reader) -> Callable[[], int]:
    orders = reader.number(ORDERS, default=0, minimum=0, maximum=ORDERS_MAX)
    seed = reader.number(SEED, default=1, maximum=SEED_MAX)

    def run() -> int:
        from threading import Event

        from worker.worker import Work
        from worker.worker import run as run_work

        from .feed import feed
        from .flow import BATCH, SCHEMA, process

        def place(stop: Event) -> None:
            feed(seed, orders, stop)

        return run_work(Work(NAME, SCHEMA, BATCH, process, place if orders else None))

    return run


if __name__ == "__main__":
    leave(start(NAME, prepare))
