"""What a call can fail with. Every error has a code, which has its page in `runbooks/errors/`, and says what to do."""

from collections.abc import Mapping
from typing import Any


class FlowkeepError(Exception):
    """The supervisor refused a call, or could not be asked."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        field: str | None = None,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{message} [{code}]{': ' + field if field else ''}{'. ' + hint if hint else ''}")
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        """The field of the request that the error is about."""
        self.status = status
        """The HTTP status; None when no answer came."""
        self.retry_after_seconds = retry_after_seconds


class Unreachable(FlowkeepError):
    """No supervisor answers on the socket."""


class Unavailable(FlowkeepError):
    """It cannot be done at the moment: a database is away, a queue or a disk is full. Retrying has been tried."""


class Draining(FlowkeepError):
    """The container is stopping: no new records are handed out."""


class EpochStale(FlowkeepError):
    """The record has a newer owner. Nothing of this completion was applied, and nothing may be."""


class Refused(FlowkeepError):
    """The target refuses the statements for good."""


class InvalidRequest(FlowkeepError):
    """The request itself is wrong; `field` says where."""


class Conflict(FlowkeepError):
    """The id belongs to an operation with other content."""


class RecordUnsettled(FlowkeepError):
    """A record was neither completed, failed nor released before the next one was asked for."""

    def __init__(self, queue: str, record_id: str) -> None:
        super().__init__(
            "record_unsettled",
            f"record {record_id} of queue {queue} was neither completed, failed nor released",
            "Settle each record before the next turn of the loop, or ask for records(…, concurrency=…).",
        )


_by_code: dict[str, type[FlowkeepError]] = {
    "supervisor_unreachable": Unreachable,
    "dependency_unavailable": Unavailable,
    "schema_missing": Unavailable,
    "queue_full": Unavailable,
    "disk_full": Unavailable,
    "state_directory_unavailable": Unavailable,
    "lane_busy": Unavailable,
    "outcome_unknown": Unavailable,
    "draining": Draining,
    "epoch_stale": EpochStale,
    "operation_refused": Refused,
    "operation_conflict": Conflict,
    "operation_too_large": InvalidRequest,
    "invalid_request": InvalidRequest,
}


def error_of(status: int, body: Any, retry_after_seconds: float | None = None) -> FlowkeepError:
    """The error in an answer; one that does not have the agreed form is an error, too."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return FlowkeepError(
            "internal", f"the supervisor answered {status} without saying why", "See its log.", status=status
        )
    code = str(error.get("code", "internal"))
    field = error.get("field")
    return _by_code.get(code, FlowkeepError)(
        code,
        str(error.get("message", "")),
        str(error.get("hint", "")),
        field=None if field is None else str(field),
        status=status,
        retry_after_seconds=retry_after_seconds,
    )
