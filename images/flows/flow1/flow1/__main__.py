"""Run as `python -m flow1`. Exit codes: 0 done or stopped, 1 the database failed, 2 the settings are wrong."""

import os
import signal
import sys
from threading import Event
from types import FrameType

stop = Event()


def begin_stop(_signal: int, _frame: FrameType | None) -> None:
    stop.set()


def main() -> int:
    # First of all: loading the driver takes a while, and a stop may come meanwhile.
    signal.signal(signal.SIGTERM, begin_stop)
    signal.signal(signal.SIGINT, begin_stop)

    from . import log
    from .settings import SettingsError, read_settings

    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        log.error("the settings are wrong", problems=str(error).split("\n"))
        return 2

    import psycopg

    from .store import PostgresStore
    from .work import Worker

    try:
        store = PostgresStore(settings.database_url)
        store.create_schema()
        worker = Worker(store, settings.directory, settings.batch_rows, stop)
        log.info("working", directory=str(settings.directory), once=settings.once)
        worker.run(once=settings.once, poll_seconds=settings.poll_seconds)
        store.close()
    except psycopg.Error as error:
        # Flowkeep starts the flow anew once the database answers; it goes on where it left off.
        log.error("the database failed", error=str(error).strip())
        return 1
    log.info("stopped" if stop.is_set() else "done", **vars(worker.totals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
