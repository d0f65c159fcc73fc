"""The end of the process, without what Python does at its very end: it frees every object there is, one by one, which
with Prefect loaded takes longer than the whole stop of the flow. The kernel frees them all at once.

Import it before anything that registers something with `atexit`: what is registered first runs last, when every thread
has been joined, Prefect has sent what it had to say, and the log files are closed.
"""

import atexit
import os
import sys
from typing import NoReturn

_code: int | None = None


def leave(code: int) -> NoReturn:
    global _code
    _code = code
    sys.exit(code)


@atexit.register
def _end() -> None:
    # Anything but `leave` ends as ever: an exception keeps its traceback and its exit code.
    if _code is None:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)
