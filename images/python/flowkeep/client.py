"""What a flow can say to its supervisor. One client may be used by any number of threads."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import uuid4

from .errors import EpochStale, FlowkeepError, Unreachable, error_of
from .exact_json import encode
from .record import Effect, Record, effects_of
from .records import Records
from .transport import Transport

TIMEOUT_SECONDS = 60.0
ENQUEUE_RECORDS_MAX = 1_000
ENQUEUE_BYTES_MAX = 4 * 1024 * 1024

T = TypeVar("T")

Prior = dict[str, Any]
"""`{"method", "path", "body", "standsFor"}`: a request that creates something or finds it there. The `id` of its answer
takes the place of the UUID in `standsFor` in every later request of the operation."""


@dataclass(frozen=True)
class Submitted:
    id: str
    state: Literal["applied", "queued"]
    result: Any = None
    """What the target answered, where it was applied at once."""


@dataclass(frozen=True)
class Enqueued:
    ids: list[str]
    """In the order of the payloads; a record that was there already has the id it had."""
    duplicates: int
    """How many were there already, by their key."""


@dataclass(frozen=True)
class Completion:
    record: Record
    state: Literal["applied", "queued", "refused"]
    error: FlowkeepError | None = None
    """Why it is refused: EpochStale, or Refused. Of a refused one nothing was applied."""


class Client:
    def __init__(self, socket: str | None = None, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """`socket` is the supervisor's control socket, by default `FLOWKEEP_SOCKET`. `timeout` bounds, in seconds, how
        long a call is repeated while the supervisor or what it needs is away."""
        path = socket or os.environ.get("FLOWKEEP_SOCKET")
        if not path:
            raise Unreachable(
                "supervisor_unreachable",
                "FLOWKEEP_SOCKET is not set",
                "Start the flow by `flowkeep run`, or name the socket: Client(socket=…).",
            )
        self._transport = Transport(path)
        self._timeout = timeout

    def ready(self) -> None:
        """Tells the supervisor that the flow is ready: what `CONTAINER_FLOW_READY=notify` waits for."""
        self._transport.call("POST", "/v1/ready", timeout=self._timeout)

    def submit(
        self,
        target: str,
        sql: str | None = None,
        params: Sequence[Any] = (),
        *,
        effects: Iterable[Effect] | None = None,
        method: Literal["POST", "PUT", "PATCH", "DELETE"] | None = None,
        path: str | None = None,
        body: Any = None,
        before: Sequence[Prior] = (),
        key: str | None = None,
        id: str | None = None,
        mode: Literal["auto", "queue", "direct"] = "auto",
        expires_at: datetime | None = None,
    ) -> Submitted:
        """A write that must have its effect exactly once: one SQL statement, several as `effects` in one transaction,
        or an HTTP request with `method` and `path`, and what is asked `before` it. Operations of one `key` keep their order. With an `id` of its own,
        a submission may be repeated by another process, too."""
        operation: dict[str, Any] = {"id": id or str(uuid4()), "target": target, "mode": mode}
        if sql is not None:
            operation |= {"sql": sql, "params": list(params)}
        if effects is not None:
            operation["effects"] = effects_of(effects)
        if method is not None or path is not None:
            operation |= {"method": method, "path": path}
        if body is not None:
            operation["body"] = body
        if before:
            operation["before"] = list(before)
        if key is not None:
            operation["key"] = key
        if expires_at is not None:
            operation["expiresAt"] = _moment("expires_at", expires_at)
        _, answer = self._transport.call("POST", "/v1/operations", operation, timeout=self._timeout)
        return Submitted(answer["id"], answer["state"], answer.get("result"))

    def enqueue(
        self,
        queue: str,
        payloads: Iterable[T],
        *,
        key: Callable[[T], str] | None = None,
        priority: int = 0,
        run_at: datetime | None = None,
    ) -> Enqueued:
        """Adds one record for each payload. `key` names a record by its payload: the same key twice in a queue is one
        record. The smallest `priority` goes first. Large numbers go in several requests, each all or nothing."""
        shared: dict[str, Any] = {} if priority == 0 else {"priority": priority}
        if run_at is not None:
            shared["runAt"] = _moment("run_at", run_at)
        ids: list[str] = []
        duplicates = 0
        records = ({"payload": item, **({} if key is None else {"key": key(item)}), **shared} for item in payloads)
        for chunk in _chunks(records):
            # The id makes a repetition of this request the same request, also for records without a key.
            request = {"id": str(uuid4()), "queue": queue, "records": chunk}
            _, answer = self._transport.call("POST", "/v1/records/enqueue", request, timeout=self._timeout)
            ids += answer["ids"]
            duplicates += answer["duplicates"]
        return Enqueued(ids, duplicates)

    def records(self, queue: str, *, batch: int = 1, once: bool = False, concurrency: int = 1) -> Records:
        """The records of a queue, for ever until the container drains, or until none is left with `once`.

        `batch` records are asked for at a time. `concurrency` is how many may be unsettled at one time, for a flow that
        hands them to threads: the iterator then waits until one is settled. It may be shared by several threads.
        """
        return Records(self._transport, queue, batch=batch, once=once, concurrency=concurrency, timeout=self._timeout)

    def complete(self, items: Iterable[Record | tuple[Record, Iterable[Effect]]]) -> list[Completion]:
        """Completes many records with one request, each with its own effects and by itself: one that is refused takes
        nothing from the others. The answer has one entry for each, in their order."""
        pairs = [(item, ()) if isinstance(item, Record) else item for item in items]
        if not pairs:
            return []
        body = [{"id": record.id, "epoch": record.epoch, "effects": effects_of(effects)} for record, effects in pairs]
        _, answer = self._transport.call("POST", "/v1/records/complete", body, timeout=self._timeout)
        return [_completion(record, result) for (record, _), result in zip(pairs, answer["records"], strict=True)]

    def keep_will(self, id: str, operation: dict[str, Any]) -> None:
        """Has the supervisor submit this operation, in the form of `POST /v1/operations`, when the flow is gone and has not
        dropped it: whatever killed the flow, and also where it killed the supervisor with it."""
        self._transport.call("PUT", f"/v1/wills/{id}", operation, timeout=self._timeout)

    def drop_will(self, id: str) -> None:
        self._transport.call("DELETE", f"/v1/wills/{id}", timeout=self._timeout)

    def close(self) -> None:
        """Closes the connections that are kept for the next call; more calls open new ones."""
        self._transport.close()


def _completion(record: Record, result: dict[str, Any]) -> Completion:
    error = error_of(409, result) if result["state"] == "refused" else None
    # Refused by the database, it is still ours and can be failed.
    if error is None or isinstance(error, EpochStale):
        record.mark_settled()
    return Completion(record, result["state"], error)


def _chunks(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many as one request may hold."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for record in records:
        record_bytes = len(encode(record))
        if chunk and (len(chunk) == ENQUEUE_RECORDS_MAX or size + record_bytes > ENQUEUE_BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += record_bytes
    if chunk:
        yield chunk


def _moment(name: str, moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone: datetime.now(timezone.utc) has one")
    return moment.isoformat()
