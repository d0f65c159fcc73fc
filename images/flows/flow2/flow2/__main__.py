"""Run as `python -m flow2`."""

import sys
from collections.abc import Callable
from functools import partial

from worker.settings import INPUT_DIRECTORY, Reader
from worker.start import start

from . import NAME


def prepare(reader: Reader) -> Callable[[], int]:
    directory = reader.directory(INPUT_DIRECTORY)

    def run() -> int:
        from worker.directory import feed
        from worker.worker import Work
        from worker.worker import run as run_work

        from .flow import BATCH, SCHEMA, process

        assert directory is not None
        return run_work(Work(NAME, SCHEMA, BATCH, partial(process, directory), partial(feed, NAME, directory)))

    return run


if __name__ == "__main__":
    sys.exit(start(NAME, prepare))
