"""The flow's side of Flowkeep: records, operations and readiness, over the supervisor's Unix socket.

    import flowkeep

    flowkeep.ready()
    for record in flowkeep.records("orders"):
        total = work_out(record.payload)
        record.complete(effects=[("insert into totals (order_id, total) values ($1, $2)", [record.id, total])])

Standard library only. Every call blocks, for a bounded time, and may be made from any thread; `flowkeep.aio` has the
same for asyncio. Numbers with a fraction are `decimal.Decimal` in both directions, so that none changes on its way.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Literal

from .client import Client, Completion, Enqueued, Submitted, T
from .errors import (
    Conflict,
    Draining,
    EpochStale,
    FlowkeepError,
    InvalidRequest,
    RecordUnsettled,
    Refused,
    Unavailable,
    Unreachable,
)
from .record import Effect, Record, State
from .records import Records

__all__ = [
    "Client",
    "Completion",
    "Conflict",
    "Draining",
    "Effect",
    "Enqueued",
    "EpochStale",
    "FlowkeepError",
    "InvalidRequest",
    "Record",
    "RecordUnsettled",
    "Records",
    "Refused",
    "State",
    "Submitted",
    "Unavailable",
    "Unreachable",
    "complete",
    "enqueue",
    "ready",
    "records",
    "submit",
]

_lock = Lock()
_shared: Client | None = None


def ready() -> None:
    """See `Client.ready`."""
    _client().ready()


def submit(
    target: str,
    sql: str | None = None,
    params: Sequence[Any] = (),
    *,
    effects: Iterable[Effect] | None = None,
    method: Literal["POST", "PUT", "PATCH", "DELETE"] | None = None,
    path: str | None = None,
    body: Any = None,
    key: str | None = None,
    id: str | None = None,
    mode: Literal["auto", "queue", "direct"] = "auto",
    expires_at: datetime | None = None,
) -> Submitted:
    """See `Client.submit`."""
    return _client().submit(
        target,
        sql,
        params,
        effects=effects,
        method=method,
        path=path,
        body=body,
        key=key,
        id=id,
        mode=mode,
        expires_at=expires_at,
    )


def enqueue(
    queue: str,
    payloads: Iterable[T],
    *,
    key: Callable[[T], str] | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
) -> Enqueued:
    """See `Client.enqueue`."""
    return _client().enqueue(queue, payloads, key=key, priority=priority, run_at=run_at)


def records(queue: str, *, batch: int = 1, once: bool = False, concurrency: int = 1) -> Records:
    """See `Client.records`."""
    return _client().records(queue, batch=batch, once=once, concurrency=concurrency)


def complete(items: Iterable[Record | tuple[Record, Iterable[Effect]]]) -> list[Completion]:
    """See `Client.complete`."""
    return _client().complete(items)


def _client() -> Client:
    """One for the whole process, made by the first call."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Client()
        return _shared
