"""One JSON object per line on stdout."""

import json
import sys


def info(message: str, **fields: object) -> None:
    _write("info", message, fields)


def warning(message: str, **fields: object) -> None:
    _write("warn", message, fields)


def error(message: str, **fields: object) -> None:
    _write("error", message, fields)


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    print(json.dumps({"level": level, "message": message, **fields}), file=sys.stdout, flush=True)
