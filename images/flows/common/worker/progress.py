"""What the worker is at, in a small file: the health check `work-advances` of each flow reads it."""

import json
import os
import time
from pathlib import Path
from threading import Lock

PATH = Path("/tmp/worker-progress.json")


class Progress:
    """Written whole each time, so that a reader never sees half of it."""

    def __init__(self, path: Path = PATH) -> None:
        self._path = path
        self._lock = Lock()
        self._settled = 0
        self.write(0)

    def begin(self, records: int) -> None:
        self.write(records)

    def end(self, records: int) -> None:
        with self._lock:
            self._settled += records
        self.write(0)

    def write(self, open_records: int) -> None:
        # Monotonic: the same for every process of the machine, and no change of the clock moves it.
        content = {"open": open_records, "since": time.monotonic(), "settled": self._settled}
        with self._lock:
            draft = self._path.with_suffix(".draft")
            draft.write_text(json.dumps(content), encoding="utf-8")
            os.replace(draft, self._path)


def judge(path: Path, stuck_seconds: float) -> tuple[int, str]:
    """Exit code and message of a health check: 0 healthy, 2 unhealthy."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0, "not begun yet"
    seconds = time.monotonic() - content["since"]
    if content["open"] == 0:
        return 0, f"waiting for records, {content['settled']} settled"
    if seconds > stuck_seconds:
        return 2, f"{content['open']} records are in work for {seconds:.0f} s, longer than {stuck_seconds:.0f} s"
    return 0, f"{content['open']} records are in work, {content['settled']} settled"
