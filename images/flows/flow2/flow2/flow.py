"""The flow: what becomes of a list's parts is in `verdicts`, how lists are shared by workers in `worker.files`."""

from functools import partial

from worker.files import FileFlow, work_on

from . import NAME
from .schema import FILES, SCHEMA
from .verdicts import effects_of

work = partial(work_on, FileFlow(NAME, FILES, SCHEMA, effects_of))
"""Of a directory."""
