"""One JSON object per line on stdout, Prefect's and any library's lines included; on request also in rotated files."""

import fcntl
import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE_BYTES_MAX = 5 * 1024 * 1024
FILES_MAX = 4
"""Of each worker: the one that is written, and those before it."""
WORKERS_MAX = 100
"""Workers that may share a directory."""

_logger = logging.getLogger("worker")
_levels = {"WARNING": "warn", "CRITICAL": "fatal"}
_held: list[object] = []
"""The lock file, open for as long as the process lives."""


def info(message: str, **fields: object) -> None:
    _logger.info(message, extra={"fields": fields})


def warning(message: str, **fields: object) -> None:
    _logger.warning(message, extra={"fields": fields})


def error(message: str, **fields: object) -> None:
    _logger.error(message, extra={"fields": fields})


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _levels.get(record.levelname, record.levelname.lower()),
            "message": record.getMessage(),
        }
        if record.name != "worker":
            line["logger"] = record.name
        for name in ("flow_run_name", "task_run_name"):
            if value := getattr(record, name, None):
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        line |= getattr(record, "fields", {})
        return json.dumps(line, ensure_ascii=False, default=str)


def begin(name: str, directory: Path | None) -> None:
    """Everything that is logged from now on goes to stdout, and to files `NAME-N.log` in the directory, if there is one.
    N is the first number that no other worker there holds."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if directory is not None:
        handlers.append(
            RotatingFileHandler(
                _take_file(directory, name), maxBytes=FILE_BYTES_MAX, backupCount=FILES_MAX - 1, encoding="utf-8"
            )
        )
    for handler in handlers:
        handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = handlers
    _logger.setLevel(logging.INFO)


def _take_file(directory: Path, name: str) -> Path:
    for number in range(WORKERS_MAX):
        path = directory / f"{name}-{number}.log"
        lock = path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        return path
    raise OSError(f"{WORKERS_MAX} workers hold the log files in {directory}")
