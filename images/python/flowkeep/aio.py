"""The same calls for asyncio.

Each call runs in a thread (`asyncio.to_thread`), so the loop goes on meanwhile. A task that is cancelled while it waits
for a record loses none: what was claimed for it is given back.

    async for record in flowkeep.aio.records("orders", concurrency=8):
        tasks.create_task(handle(record))        # ends with: await flowkeep.aio.complete(record, effects=[…])
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import Any

from . import enqueue as _enqueue
from . import ready as _ready
from . import records as _records
from . import submit as _submit
from .client import Enqueued, Submitted, T
from .record import Effect, Record, State
from .records import Records


async def ready() -> None:
    await asyncio.to_thread(_ready)


async def submit(target: str, *args: Any, **options: Any) -> Submitted:
    """Takes what `Client.submit` takes."""
    return await asyncio.to_thread(_submit, target, *args, **options)


async def enqueue(
    queue: str,
    payloads: Iterable[T],
    *,
    key: Callable[[T], str] | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
) -> Enqueued:
    return await asyncio.to_thread(_enqueue, queue, payloads, key=key, priority=priority, run_at=run_at)


async def complete(record: Record, effects: Iterable[Effect] = ()) -> State:
    return await asyncio.to_thread(record.complete, effects)


async def fail(record: Record, reason: object, retry: bool = True) -> State:
    return await asyncio.to_thread(record.fail, reason, retry)


async def release(record: Record) -> State:
    return await asyncio.to_thread(record.release)


async def records(
    queue: str, *, batch: int = 1, once: bool = False, concurrency: int = 1, source: Records | None = None
) -> AsyncIterator[Record]:
    """Takes what `Client.records` takes, or what it gave as `source`."""
    iterator = source or _records(queue, batch=batch, once=once, concurrency=concurrency)
    try:
        while True:
            record = await _next(iterator)
            if record is None:
                return
            yield record
    finally:
        await asyncio.shield(asyncio.to_thread(iterator.close))


async def _next(iterator: Records) -> Record | None:
    loop = asyncio.get_running_loop()
    taken = loop.run_in_executor(None, next, iterator, None)
    try:
        return await asyncio.shield(taken)
    except asyncio.CancelledError:
        # The thread goes on; a record that it still gets belongs to nobody.
        taken.add_done_callback(lambda done: _give_back(done, loop))
        raise


def _give_back(taken: asyncio.Future[Record | None], loop: asyncio.AbstractEventLoop) -> None:
    if taken.cancelled() or taken.exception() is not None:
        return
    record = taken.result()
    if record is not None:
        loop.run_in_executor(None, record.release)
