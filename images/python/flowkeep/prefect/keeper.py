"""What this process tells Prefect while it is away: kept as operations of the supervisor's queue, and answered here.

A run that the server knows is told about by its id. One that began in an outage has an id made up here, a *stand-in*:
each operation about it carries the requests that create the flow and the run, under an idempotency key, and the
supervisor puts the real ids in when it delivers them. Such a run is told about through the queue to its end.

Order: a run whose lane has something queued is told about through the queue until an operation of it is applied at
once, which says that the lane is empty.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from ..client import Client, Prior, Submitted
from ..errors import FlowkeepError, Refused
from . import answers
from .calls import Call, is_uuid

TARGET = "prefect"
REMEMBERED_MAX = 1_000
"""Flows, runs and stand-ins of which something is known here."""
ASK_AGAIN_SECONDS = 5.0
"""Between two attempts to reach a server that is away."""

_log = logging.getLogger("flowkeep.prefect")

Answer = tuple[int, Any]


class NotKept(Exception):
    """It can't be kept, or needn't be: the server itself has to be asked."""


class Keeper:
    """One for the process; its methods may be called by any thread, and wait for the supervisor at most."""

    def __init__(self, client: Client, *, version: str, new_name: Callable[[], str]) -> None:
        """`version` is that of Prefect's client; `new_name` makes a name for a run, as the server would."""
        self._client = client
        self._version = version
        self._new_name = new_name
        self._lock = threading.RLock()
        self._stand_ins: OrderedDict[str, list[Prior]] = OrderedDict()
        self._runs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._flows: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._storage: Any = {"default_result_storage_block_id": None}
        self._behind: set[str] = set()
        self._wills: set[str] = set()
        self._ask_again_at: float | None = None

    # Where a call goes

    @property
    def away(self) -> bool:
        """The server did not answer, and it is too early to ask again."""
        return self._ask_again_at is not None and time.monotonic() < self._ask_again_at

    def must_keep(self, call: Call) -> bool:
        if call.kind in ("version", "storage", "csrf_token"):
            return self.away
        with self._lock:
            behind = call.about in self._behind or not self._behind.isdisjoint(_runs_in(call))
        if behind and call.kind != "find_flow_runs":
            return True
        return self.away or self.names_stand_in(call) or self._comes_late(call)

    def names_stand_in(self, call: Call) -> bool:
        with self._lock:
            return bool(self._stand_ins) and not self._stand_ins.keys().isdisjoint(call.uuids())

    def went_away(self, why: object) -> None:
        if self._ask_again_at is None:
            _log.warning("Prefect is away, the flow goes on and what it tells Prefect is kept: %s", why)
        self._ask_again_at = time.monotonic() + ASK_AGAIN_SECONDS

    def came_back(self) -> None:
        if self._ask_again_at is not None:
            _log.warning("Prefect is back")
            self._ask_again_at = None

    # The server is there

    def creating(self, call: Call) -> None:
        """It is about to be asked for a run. Where this process is killed before it has the answer, the run is there or
        not, and its will finds it, or creates it, by the same key."""
        key = call.body["idempotency_key"]
        if is_uuid(key):
            self._keep_will(key, [*self._before(call), _prior(call, key)])

    def answered(self, call: Call) -> None:
        """The server has said whether there is a run, and which."""
        key = call.body["idempotency_key"]
        if is_uuid(key):
            self._drop_will(key)

    def seen(self, call: Call, answer: Any) -> None:
        self.came_back()
        with self._lock:
            match call.kind:
                case "create_flow" | "read_flow":
                    self._remember(self._flows, answer["id"], answer)
                case "create_flow_run" | "read_flow_run":
                    self._remember(self._runs, answer["id"], answer)
                case "storage":
                    self._storage = answer
                case "set_state" if answer.get("status") == "ACCEPT" and call.about in self._runs:
                    self._runs[call.about] = answers.in_state(self._runs[call.about], answer["state"])
        if call.kind == "create_flow_run":
            self._keep_will(answer["id"])
            self.answered(call)
        if call.kind == "set_state":
            self._mind_will(str(call.about), (answer.get("state") or {}).get("type"))

    # The server is away

    def keep(self, call: Call) -> Answer:
        """Raises NotKept."""
        match call.kind:
            case "create_flow":
                return 201, self._create_flow(call)
            case "create_flow_run":
                return 201, self._create_flow_run(call)
            case "create_task_run":
                return 201, self._create_task_run(call)
            case "read_flow":
                return 200, self._known(self._flows, call)
            case "read_flow_run":
                return 200, self._known(self._runs, call)
            case "find_flow_runs":
                return 200, self._find_flow_runs(call)
            case "set_state" | "set_task_state":
                return 201, self._set_state(call)
            case "update_flow_run":
                return 204, self._update_flow_run(call)
            case "logs":
                return 201, self._send_logs(call)
            case "artifact":
                return 201, self._send_artifact(call)
            case "version":
                return 200, self._version
            case "storage":
                return 200, self._storage
            case "csrf_token":
                # The server will say that it is wrong, and then the client asks for a right one.
                return 200, {"token": "away", "client": str(uuid4()), "expiration": answers.now()}
        raise NotKept

    def send_events(self, events: list[dict[str, Any]]) -> None:
        """The server knows each event by its id. Raises FlowkeepError, of what could be kept the last."""
        failure: FlowkeepError | None = None
        for about_the_same in self._by_stand_ins(events):
            call = Call("events", "POST", "/events", about_the_same, None)
            try:
                self._submit(call, f"prefect-events-{uuid4()}", next(iter(self._runs_named(call)), "events"))
            except FlowkeepError as error:
                failure = error
        if failure is not None:
            raise failure

    def _create_flow(self, call: Call) -> Any:
        with self._lock:
            for known in self._flows.values():
                if known["name"] == call.body["name"]:
                    return known
            id = str(uuid5(NAMESPACE_URL, f"flowkeep:flow:{call.body['name']}"))
            flow = answers.flow(call.body, id)
            self._stand_in(id, call)
            self._remember(self._flows, id, flow)
            return flow

    def _create_flow_run(self, call: Call) -> Any:
        call = replace(call, body={**call.body, "name": call.body.get("name") or self._new_name()})
        id = call.body["idempotency_key"]
        # First: of what is submitted nothing may be left alone by a process that is killed.
        self._keep_will(id, [*self._before(call), _prior(call, id)])
        self._submit(call, f"prefect-run-{id}", id)
        with self._lock:
            self._stand_in(id, call)
            run = answers.run(call.body, id, run_count=0)
            self._remember(self._runs, id, run)
        self._tell_time(id, run["state"])
        return run

    def _create_task_run(self, call: Call) -> Any:
        # The server knows it by its flow run and its keys.
        id = str(uuid4())
        self._submit(call, f"prefect-task-run-{id}", call.body["flow_run_id"])
        with self._lock:
            self._stand_in(id, call)
        return answers.run(call.body, id)

    def _set_state(self, call: Call) -> Any:
        if self._comes_late(call):
            return answers.aborted("The run has ended already.")
        id = str(call.about)
        state = answers.stamped(call.state)
        said = {**call.state, "message": _with_time(call.state.get("message"), state["timestamp"])}
        operation_id = f"prefect-state-{call.state['state_details']['transition_id']}"
        kept = replace(call, body={"state": said, "force": False})
        try:
            submitted = self._submit(kept, operation_id, self._lane(id))
        except Refused as refused:
            if id not in self._stand_ins:
                raise NotKept from refused
            _log.warning("Prefect does not take a state of the run %s: %s", id, refused.message)
            submitted = None
        if submitted is not None and submitted.state == "queued" and call.kind == "set_state":
            self._tell_time(id, state)
        answer = answers.accepted(state)
        if submitted is not None and submitted.state == "applied" and id not in self._stand_ins:
            answer = submitted.result or answer
            state = answer.get("state") or state
        with self._lock:
            if id in self._runs:
                self._runs[id] = answers.in_state(self._runs[id], state)
        self._mind_will(id, state["type"])
        return answer

    def _update_flow_run(self, call: Call) -> Any:
        id = str(call.about)
        self._submit(call, f"prefect-update-{uuid4()}", id)
        if not call.path.endswith("/labels"):
            with self._lock:
                if id in self._runs:
                    self._runs[id] = {**self._runs[id], **call.body}
        return None

    def _find_flow_runs(self, call: Call) -> Any:
        """The engine looks for the run of a subflow: there is one only where this process has made it."""
        wanted = ((call.body.get("flow_runs") or {}).get("parent_task_run_id") or {}).get("any_")
        if not wanted:
            raise NotKept
        with self._lock:
            return [run for run in self._runs.values() if run.get("parent_task_run_id") in wanted]

    def _send_logs(self, call: Call) -> Any:
        """Logs have no id. The mark in the logger's name shows which delivery a line came with."""
        runs: dict[str, list[dict[str, Any]]] = {}
        for line in call.body:
            runs.setdefault(str(line.get("flow_run_id") or "logs"), []).append(line)
        for lane, said in runs.items():
            id = str(uuid4())
            lines = [{**line, "name": f"{line['name']} [flowkeep {id[:8]}]"} for line in said]
            self._submit(replace(call, body=lines), f"prefect-logs-{id}", lane)
        return None

    def _send_artifact(self, call: Call) -> Any:
        id = str(uuid4())
        metadata = {**(call.body.get("metadata_") or {}), "flowkeep_operation": f"prefect-artifact-{id}"}
        body = {**call.body, "metadata_": metadata}
        lane = call.body.get("flow_run_id") or "artifacts"
        self._submit(replace(call, body=body), f"prefect-artifact-{id}", lane)
        return {"id": id, "created": answers.now(), "updated": answers.now(), **body}

    def _tell_time(self, run_id: str, state: dict[str, Any]) -> None:
        """The server stamps a state with the time of its delivery. An event keeps the time at which it was so."""
        event = {
            "id": str(uuid5(NAMESPACE_URL, f"flowkeep:state:{state['id']}")),
            "occurred": state["timestamp"],
            "event": f"flowkeep.flow-run.{state.get('name') or state['type']}",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
            "related": [],
            "payload": {"state_type": state["type"], "occurred": state["timestamp"]},
        }
        try:
            self.send_events([event])
        except FlowkeepError as error:
            _log.debug("the time of a state was not kept: %s", error)

    # Operations

    def _submit(self, call: Call, id: str, lane: str) -> Submitted:
        submitted = self._client.submit(
            TARGET, method=call.method, path=call.path, body=call.body, before=self._before(call), key=lane, id=id
        )
        with self._lock:
            if submitted.state == "queued":
                self._behind.add(lane)
            elif lane not in self._stand_ins:
                self._behind.discard(lane)
        if submitted.state == "applied":
            self.came_back()
        return submitted

    def _before(self, call: Call) -> list[Prior]:
        """What creates the flows and runs that the call names by stand-ins, each once, in their order."""
        with self._lock:
            if not self._stand_ins:
                return []
            named = call.uuids() & self._stand_ins.keys()
            chains = [chain for id, chain in self._stand_ins.items() if id in named]
            for id in named:
                # A run that many others begin under must not be the one that is forgotten.
                self._stand_ins.move_to_end(id)
        return list({prior["standsFor"]: prior for chain in chains for prior in chain}.values())

    def _by_stand_ins(self, events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """An operation has room for what creates a run and those that it is part of, not for that of many runs."""
        with self._lock:
            if not self._stand_ins:
                return [events]
            groups: dict[frozenset[str], list[dict[str, Any]]] = {}
            for event in events:
                named = Call("events", "POST", "/events", event, None).uuids()
                groups.setdefault(frozenset(named & self._stand_ins.keys()), []).append(event)
        return list(groups.values())

    def _stand_in(self, id: str, call: Call) -> None:
        self._remember(self._stand_ins, id, [*self._before(call), _prior(call, id)])

    def _lane(self, id: str) -> str:
        """Of a task run that of its flow run, where it is known."""
        with self._lock:
            chain = self._stand_ins.get(id)
        return str(chain[-1]["body"].get("flow_run_id") or id) if chain else id

    def _runs_named(self, call: Call) -> Iterable[str]:
        with self._lock:
            known = self._runs.keys()
            return sorted(id for id in call.uuids() if id in known)

    # Wills

    def _mind_will(self, run_id: str, state_type: str | None) -> None:
        """A run that a deployment has made is met here when it begins; and one that ended in a child process, whose will
        it was, may be reported by this one."""
        if state_type == "RUNNING":
            self._keep_will(run_id)
        elif state_type in (*answers.ENDED, "PAUSED"):
            self._drop_will(run_id)

    def _keep_will(self, run_id: str, before: list[Prior] | None = None) -> None:
        with self._lock:
            if run_id in self._wills and before is None:
                return
        details = {"transition_id": str(uuid5(NAMESPACE_URL, f"flowkeep:crashed:{run_id}"))}
        message = "The process of the flow was gone before it reported an end. Reported by Flowkeep."
        state = {"type": "CRASHED", "name": "Crashed", "message": message, "state_details": details}
        call = Call("set_state", "POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": False}, run_id)
        operation = {
            "id": f"prefect-crashed-{run_id}",
            "target": TARGET,
            "key": run_id,
            "method": call.method,
            "path": call.path,
            "body": call.body,
        }
        if before := self._before(call) if before is None else before:
            operation["before"] = before
        try:
            self._client.keep_will(f"prefect-{run_id}", operation)
        except FlowkeepError as error:
            _log.warning("if this process is killed, its run will stay Running: %s", error)
            return
        with self._lock:
            self._wills.add(run_id)

    def _drop_will(self, run_id: str) -> None:
        with self._lock:
            self._wills.discard(run_id)
        try:
            self._client.drop_will(f"prefect-{run_id}")
        except FlowkeepError as error:
            # It is harmless: a run that has ended does not take it.
            _log.debug("a will was not dropped: %s", error)

    # What is known

    def _comes_late(self, call: Call) -> bool:
        """A signal that comes while the process ends crashes no run that has ended."""
        if call.kind != "set_state" or call.state.get("type") != "CRASHED":
            return False
        with self._lock:
            return self._runs.get(str(call.about), {}).get("state_type") in answers.ENDED

    def _known(self, things: OrderedDict[str, dict[str, Any]], call: Call) -> Any:
        with self._lock:
            known = things.get(str(call.about))
        if known is None:
            raise NotKept
        return known

    def _remember(self, things: OrderedDict[str, Any], id: str, thing: Any) -> None:
        with self._lock:
            things[id] = thing
            things.move_to_end(id)
            while len(things) > REMEMBERED_MAX:
                forgotten, _ = things.popitem(last=False)
                self._behind.discard(forgotten)


def _prior(call: Call, id: str) -> Prior:
    return {"method": call.method, "path": call.path, "body": call.body, "standsFor": id}


def _runs_in(call: Call) -> list[str]:
    """The flow runs that logs, or an artifact, belong to."""
    match call.kind, call.body:
        case "logs", list() as lines:
            return sorted({str(line["flow_run_id"]) for line in lines if line.get("flow_run_id")})
        case ("artifact" | "create_task_run"), {"flow_run_id": str() as id}:
            return [id]
    return []


def _with_time(message: str | None, at: str) -> str:
    return f"{message or ''} (at {at}, while Prefect was away)".strip()
