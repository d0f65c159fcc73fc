"""What Prefect's client says to the server about its own runs, told apart by method and path. Everything else is none
of ours. Pure."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_forms = [
    (kind, method, re.compile(path))
    for kind, method, path in [
        ("create_flow", "POST", r"/flows/"),
        ("read_flow", "GET", rf"/flows/({_UUID})"),
        ("create_flow_run", "POST", r"/flow_runs/"),
        ("read_flow_run", "GET", rf"/flow_runs/({_UUID})"),
        ("update_flow_run", "PATCH", rf"/flow_runs/({_UUID})(?:/labels)?"),
        ("set_state", "POST", rf"/flow_runs/({_UUID})/set_state"),
        ("find_flow_runs", "POST", r"/flow_runs/filter"),
        ("create_task_run", "POST", r"/task_runs/"),
        ("set_task_state", "POST", rf"/task_runs/({_UUID})/set_state"),
        ("logs", "POST", r"/logs/"),
        ("artifact", "POST", r"/artifacts/"),
        ("version", "GET", r"/admin/version"),
        ("storage", "GET", r"/admin/storage"),
        ("csrf_token", "GET", r"/csrf-token\?.*"),
    ]
]
_uuids = re.compile(_UUID)


@dataclass(frozen=True)
class Call:
    kind: str
    method: str
    path: str
    """Below the API's URL, with its query."""
    body: Any
    about: str | None
    """The id in the path."""

    def uuids(self) -> set[str]:
        return set(_uuids.findall(self.path)) | set(_uuids.findall(json.dumps(self.body)))

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.body["state"]
        return state


def is_uuid(text: Any) -> bool:
    return isinstance(text, str) and _uuids.fullmatch(text) is not None


def call_of(method: str, path: str, content: bytes) -> Call | None:
    for kind, expected, form in _forms:
        if method == expected and (found := form.fullmatch(path)):
            try:
                body = json.loads(content) if content else None
            except ValueError:
                return None
            return Call(kind, method, path, body, found[1] if form.groups else None)
    return None


def repeatable(call: Call) -> Call:
    """The same call, in a form that the server takes once however often it comes."""
    match call.kind, call.body:
        case "create_flow_run", {"idempotency_key": str()}:
            return call
        case "create_flow_run", dict():
            return replace(call, body={**call.body, "idempotency_key": str(uuid4())})
        case ("set_state" | "set_task_state"), {"state": dict() as state}:
            details = state.get("state_details") or {}
            if details.get("transition_id"):
                return call
            details = {**details, "transition_id": str(uuid4())}
            return replace(call, body={**call.body, "state": {**state, "state_details": details}})
    return call
