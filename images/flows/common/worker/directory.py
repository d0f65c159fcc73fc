"""Looks into a directory again and again, and makes one record of each file that is new there."""

import os
from pathlib import Path
from threading import Event
from typing import TypedDict
from urllib.parse import quote_from_bytes, unquote_to_bytes

import flowkeep

from . import log

PATTERN = "*.csv"
POLL_SECONDS = 2.0


class FilePayload(TypedDict):
    file: str
    """Its name as text, whatever bytes it is made of."""
    path: str
    """Its name exactly, percent-encoded."""


def feed(queue: str, directory: Path, stop: Event) -> None:
    """Several workers may look into one directory: a record is known by the file's name."""
    known: set[Path] = set()
    while True:
        try:
            new = sorted(path for path in directory.glob(PATTERN) if path not in known)
            flowkeep.enqueue(queue, map(payload_of, new), key=lambda payload: payload["path"])
            known |= set(new)
        except flowkeep.FlowkeepError as error:
            log.warning("files cannot be enqueued now", directory=str(directory), error=str(error))
        if stop.wait(POLL_SECONDS):
            return


def payload_of(path: Path) -> FilePayload:
    name = os.fsencode(path.name)
    return {"file": name.decode("utf-8", "backslashreplace"), "path": quote_from_bytes(name)}


def path_of(directory: Path, payload: FilePayload) -> Path:
    """Raises ValueError for what is not the name of a file in the directory."""
    name = os.fsdecode(unquote_to_bytes(payload["path"]))
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{payload['path']!r} is not the name of a file")
    return directory / name

