"""Run as `python -m flow1`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from worker.leave import leave
from worker.start import file_flow, start

from . import NAME

if TYPE_CHECKING:
    from worker.worker import Work


def load() -> "Callable[[Path], Work]":
    from .flow import work

    return work


if __name__ == "__main__":
    leave(start(NAME, file_flow(load)))
