"""The flow: what becomes of a file's parts is in `effects`, how files are shared by workers in `worker.files`."""

from functools import partial

from worker.files import FileFlow, work_on

from . import NAME
from .effects import effects_of
from .schema import FILES, SCHEMA

work = partial(work_on, FileFlow(NAME, FILES, SCHEMA, effects_of))
"""Of a directory."""
