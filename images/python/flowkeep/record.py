"""One record of a queue, held for this flow by its supervisor until it is settled.

Its effects are committed together with its completion, under its epoch: whatever dies and whenever, they are there
exactly once. What the flow does by itself (a call to another system) is not covered by that.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from .errors import EpochStale, RecordUnsettled
from .transport import Transport

Effect: TypeAlias = str | tuple[str, Sequence[Any]]
"""One SQL statement, or a statement and its parameters (`$1`, `$2` …)."""

State: TypeAlias = Literal["applied", "queued"]
"""`queued`: the database is away; it is on disk and will be applied, unless the record gets a newer owner first."""

REASON_CHARACTERS_MAX = 2_000


class Record:
    def __init__(
        self,
        transport: Transport,
        queue: str,
        fields: dict[str, Any],
        *,
        timeout: float,
        on_settled: Callable[["Record"], None],
    ) -> None:
        self.queue = queue
        self.id: str = fields["id"]
        self.key: str | None = fields["key"]
        self.payload: Any = fields["payload"]
        self.attempt: int = fields["attempt"]
        """1 the first time it is handed out."""
        self.epoch: int = fields["epoch"]
        self.lease_expires_at = datetime.fromisoformat(fields["leaseExpiresAt"])
        """The supervisor renews it; nobody else has the record before then."""
        self._transport = transport
        self._timeout = timeout
        self._on_settled = on_settled
        self._settled = False

    @property
    def settled(self) -> bool:
        return self._settled

    def complete(self, effects: Iterable[Effect] = ()) -> State:
        """It is done. Raises EpochStale if it has a newer owner: then nothing was applied. Raises Refused if the
        database refuses a statement for good: then nothing was applied either, and the record is still yours."""
        return self._settle("complete", {"effects": effects_of(effects)})

    def fail(self, reason: object, retry: bool = True) -> State:
        """It cannot be done now (it is tried again later, a limited number of times), or never (`retry=False`). Then it
        is kept as failed, with the reason."""
        return self._settle("fail", {"reason": str(reason)[:REASON_CHARACTERS_MAX], "retry": retry})

    def release(self) -> State:
        """It was not begun. Another one may have it at once, and this does not count as an attempt."""
        return self._settle("release", {})

    def limit_time(self, seconds: float) -> None:
        """How long its calls may be repeated from now on."""
        self._timeout = seconds

    def mark_settled(self) -> None:
        self._settled = True
        self._on_settled(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """An exception fails the record, and goes on; one that ends the program leaves that to the supervisor."""
        if self._settled:
            return
        if isinstance(error, Exception):
            self.fail(f"{type(error).__name__}: {error}")
        elif error is None:
            raise RecordUnsettled(self.queue, self.id)

    def __repr__(self) -> str:
        return f"Record(queue={self.queue!r}, id={self.id!r}, key={self.key!r}, attempt={self.attempt})"

    def _settle(self, action: str, body: dict[str, Any]) -> State:
        try:
            _, answer = self._transport.call(
                "POST", f"/v1/records/{self.id}/{action}", {"epoch": self.epoch, **body}, timeout=self._timeout
            )
        except EpochStale:
            self.mark_settled()
            raise
        self.mark_settled()
        state: State = answer["state"]
        return state


def effects_of(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    if isinstance(effects, str):
        raise TypeError("effects is a list of statements: effects=[…]")
    return [_effect(effect) for effect in effects]


def _effect(effect: Effect) -> dict[str, Any]:
    match effect:
        case str():
            return {"sql": effect, "params": []}
        case (str() as sql, list() | tuple() as params):
            return {"sql": sql, "params": list(params)}
    raise TypeError("an effect is a statement, or a statement and its parameters: (sql, [params])")
