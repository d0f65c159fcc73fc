"""What the server would have answered, as far as Prefect's client reads it; the rest has the client's own defaults. Pure."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

ENDED = frozenset(("COMPLETED", "FAILED", "CANCELLED", "CRASHED"))


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def flow(body: Json, id: str) -> Json:
    return {"id": id, "created": now(), "updated": now(), "tags": [], "labels": {}, **body}


def run(body: Json, id: str, **more: Any) -> Json:
    """Of a flow or a task."""
    created = now()
    fields = {name: value for name, value in body.items() if value is not None and name != "state"}
    answer = {"id": id, "created": created, "updated": created, "expected_start_time": created, **fields, **more}
    state = body.get("state")
    return in_state(answer, stamped(state)) if state else answer


def stamped(state: Json) -> Json:
    return {**state, "id": str(uuid4()), "timestamp": now()}


def in_state(run: Json, state: Json) -> Json:
    changed = {
        **run,
        "state": state,
        "state_id": state["id"],
        "state_type": state["type"],
        "state_name": state.get("name"),
        "updated": state["timestamp"],
    }
    if state["type"] == "RUNNING":
        changed["run_count"] = run.get("run_count", 0) + 1
        changed["start_time"] = run.get("start_time") or state["timestamp"]
    if state["type"] in ENDED:
        changed["end_time"] = state["timestamp"]
    return changed


def accepted(state: Json) -> Json:
    return {"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}


def aborted(reason: str) -> Json:
    return {"state": None, "status": "ABORT", "details": {"type": "abort_details", "reason": reason}}
