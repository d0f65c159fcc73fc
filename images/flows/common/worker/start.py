"""From the environment to the running worker. Exit codes: 0 stopped, 1 failed, 2 the settings are wrong."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import log
from .settings import INPUT_DIRECTORY, LOG_DIRECTORY, PREFECT, Reader, SettingsError

if TYPE_CHECKING:
    from .worker import Work

Prepare = Callable[[Reader], Callable[[], int]]
"""Reads the flow's settings and gives what runs it; that is where Prefect is loaded, which takes a while."""


def file_flow(load: "Callable[[], Callable[[Path], Work]]") -> Prepare:
    """For a flow whose one setting is the directory it takes its files from. `load` imports what makes its work."""

    def prepare(reader: Reader) -> Callable[[], int]:
        directory = reader.directory(INPUT_DIRECTORY)

        def run() -> int:
            from .worker import run as run_work

            assert directory is not None
            return run_work(load()(directory))

        return run

    return prepare


def start(name: str, prepare: Prepare) -> int:
    log.begin(name, None)
    reader = Reader(os.environ)
    try:
        directory = reader.directory(LOG_DIRECTORY, required=False)
        reader.text(PREFECT, "it names the API of the Prefect server; without it Prefect would start one in here")
        run = prepare(reader)
        reader.done()
    except SettingsError as error:
        log.error("the settings are wrong", problems=str(error).split("\n"))
        return 2
    # Before Prefect is loaded: it puts itself between the flow and its server.
    import flowkeep.prefect  # noqa: F401
    from prefect.logging.configuration import setup_logging

    setup_logging()
    try:
        log.begin(name, directory)
    except OSError as error:
        log.error("the log files cannot be written", problems=[f"{LOG_DIRECTORY}: {error}"])
        return 2
    return run()
