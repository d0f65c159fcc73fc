"""What Prefect is told while it is away, without Prefect: the keeper over a supervisor that answers as it is told."""

import json
import logging
import os
import subprocess
import sys
import unittest
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import flowkeep
from flowkeep.prefect.calls import Call, call_of, repeatable
from flowkeep.prefect.keeper import Keeper, NotKept

from supervisor import Answer, Supervisor, error

logging.getLogger("flowkeep.prefect").setLevel(logging.ERROR)

RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"


def call(method: str, path: str, body: Any = None) -> Call:
    found = call_of(method, path, b"" if body is None else json.dumps(body).encode())
    assert found is not None, path
    return repeatable(found)


def to_state(run: str, type: str, **fields: Any) -> Call:
    return call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": type, "name": type, **fields}, "force": True})


class WithKeeper(unittest.TestCase):
    def setUp(self) -> None:
        self.supervisor = Supervisor()
        self.supervisor.start()
        self.addCleanup(self.supervisor.close)
        client = flowkeep.Client(self.supervisor.path, timeout=0.1)
        self.addCleanup(client.close)
        self.keeper = Keeper(client, version="3.9.1", new_name=lambda: "made-up")
        self.answers(202, "queued")

    def answers(self, status: int, state: str, result: Any = None) -> None:
        def answer(request: Any) -> Answer:
            return Answer(status, {"id": "x", "state": state, "result": result})

        self.supervisor.otherwise = answer

    def operations(self) -> list[dict[str, Any]]:
        return [request.body for request in self.supervisor.requests if request.path == "/v1/operations"]

    def paths(self) -> list[str]:
        return [request.path for request in self.supervisor.requests]

    def begin(self) -> str:
        """A run that begins in an outage."""
        self.keeper.went_away("refused")
        _, flow = self.keeper.keep(call("POST", "/flows/", {"name": "f"}))
        body = {"flow_id": flow["id"], "name": None, "parameters": {"n": 1}, "state": {"type": "PENDING", "name": "Pending"}}
        _, run = self.keeper.keep(call("POST", "/flow_runs/", body))
        return str(run["id"])


class Calls(unittest.TestCase):
    def test_only_what_a_flow_says_about_its_own_runs_is_ours(self) -> None:
        for method, path in [
            ("POST", "/flow_runs/heartbeat"),
            ("GET", "/variables/name/x"),
            ("POST", f"/deployments/{RUN}/create_flow_run"),
            ("POST", "/v2/concurrency_limits/increment-with-lease"),
            ("DELETE", f"/flow_runs/{RUN}"),
            ("POST", "/flows/filter"),
        ]:
            self.assertIsNone(call_of(method, path, b"{}"), path)
        self.assertIsNone(call_of("POST", "/flows/", b"not JSON"))

    def test_a_call_that_changes_something_can_be_repeated(self) -> None:
        created = call("POST", "/flow_runs/", {"flow_id": RUN})
        self.assertRegex(created.body["idempotency_key"], r"^[0-9a-f-]{36}$")
        self.assertEqual(repeatable(created), created)
        own = call("POST", "/flow_runs/", {"flow_id": RUN, "idempotency_key": "mine"})
        self.assertEqual(own.body["idempotency_key"], "mine")
        state = to_state(RUN, "RUNNING", state_details={"transition_id": None, "x": 1})
        self.assertRegex(state.state["state_details"]["transition_id"], r"^[0-9a-f-]{36}$")
        self.assertEqual(repeatable(state), state)


class Away(WithKeeper):
    def test_a_run_that_begins_in_an_outage_is_created_by_each_operation_about_it(self) -> None:
        run = self.begin()
        status, answer = self.keeper.keep(to_state(run, "RUNNING"))
        self.assertEqual((status, answer["status"], answer["state"]["type"]), (201, "ACCEPT", "RUNNING"))
        self.keeper.keep(call("POST", "/logs/", [{"name": "prefect", "flow_run_id": run, "message": "m"}]))
        created, _, stated, _, logged = self.operations()
        self.assertEqual([prior["path"] for prior in created["before"]], ["/flows/"])
        self.assertEqual((created["body"]["name"], created["body"]["idempotency_key"]), ("made-up", run))
        for operation in (stated, logged):
            self.assertEqual([prior["path"] for prior in operation["before"]], ["/flows/", "/flow_runs/"])
            self.assertEqual(operation["before"][1]["standsFor"], run)
            self.assertEqual(operation["before"][1]["body"], created["body"])
            self.assertEqual(operation["key"], run)
        self.assertRegex(logged["body"][0]["name"], r"^prefect \[flowkeep [0-9a-f]{8}\]$")

    def test_what_is_said_of_many_runs_at_once_goes_in_operations_of_one_run_each(self) -> None:
        runs = [self.begin() for _ in range(20)]
        before = len(self.operations())
        self.keeper.keep(call("POST", "/logs/", [{"name": "n", "flow_run_id": run, "message": "m"} for run in runs]))
        self.keeper.send_events([{"id": str(uuid4()), "resource": f"prefect.flow-run.{run}"} for run in runs * 2])
        said = self.operations()[before:]
        self.assertEqual([operation["key"] for operation in said], runs * 2)
        self.assertEqual({len(operation["before"]) for operation in said}, {2})
        self.assertEqual({len(operation["body"]) for operation in said[20:]}, {2})

    @patch("flowkeep.prefect.keeper.REMEMBERED_MAX", 10)
    def test_a_run_that_many_others_begin_under_is_not_forgotten(self) -> None:
        parent = self.begin()
        for number in range(20):
            task = {"flow_run_id": parent, "task_key": "t", "dynamic_key": str(number)}
            self.keeper.keep(call("POST", "/task_runs/", task))
        self.keeper.keep(to_state(parent, "COMPLETED"))
        stated = next(op for op in reversed(self.operations()) if op["path"].endswith("/set_state"))
        self.assertEqual(stated["before"][-1]["standsFor"], parent)

    def test_a_state_is_told_by_its_transition_never_by_force_and_with_its_time(self) -> None:
        run = self.begin()
        first = to_state(run, "RUNNING", message="why")
        _, answer = self.keeper.keep(first)
        *_, stated, event = self.operations()
        transition = first.state["state_details"]["transition_id"]
        self.assertEqual((stated["id"], stated["body"]["force"]), (f"prefect-state-{transition}", False))
        at = answer["state"]["timestamp"]
        self.assertEqual(stated["body"]["state"]["message"], f"why (at {at}, while Prefect was away)")
        self.assertEqual((event["path"], event["body"][0]["occurred"]), ("/events", at))
        _, read = self.keeper.keep(call("GET", f"/flow_runs/{run}"))
        self.assertEqual((read["state_type"], read["run_count"], read["start_time"]), ("RUNNING", 1, at))

    def test_a_late_signal_changes_no_run_that_has_ended(self) -> None:
        run = self.begin()
        self.keeper.keep(to_state(run, "COMPLETED"))
        before = len(self.operations())
        late = to_state(run, "CRASHED")
        self.assertTrue(self.keeper.must_keep(late))
        self.assertEqual(self.keeper.keep(late)[1]["status"], "ABORT")
        self.assertEqual(len(self.operations()), before)

    def test_a_run_leaves_a_will_until_it_has_ended(self) -> None:
        run = self.begin()
        will = next(request for request in self.supervisor.requests if request.path.startswith("/v1/wills/"))
        self.assertEqual(will.path, f"/v1/wills/prefect-{run}")
        self.assertEqual((will.body["body"]["state"]["type"], will.body["body"]["force"]), ("CRASHED", False))
        self.assertEqual([prior["path"] for prior in will.body["before"]], ["/flows/", "/flow_runs/"])
        self.keeper.keep(to_state(run, "RUNNING"))
        self.assertEqual(self.paths().count(f"/v1/wills/prefect-{run}"), 1)
        self.keeper.keep(to_state(run, "FAILED"))
        self.assertEqual(self.paths().count(f"/v1/wills/prefect-{run}"), 2, "and now it was dropped")

    def test_what_cannot_be_kept_is_left_to_prefect(self) -> None:
        self.keeper.went_away("refused")
        with self.assertRaises(NotKept):
            self.keeper.keep(call("GET", f"/flow_runs/{RUN}"))
        with self.assertRaises(NotKept):
            self.keeper.keep(call("POST", "/flow_runs/filter", {"flow_runs": {"name": {"any_": ["x"]}}}))
        self.supervisor.otherwise = lambda request: error(429, "queue_full")
        with self.assertRaises(flowkeep.Unavailable):
            self.begin()


class Known(WithKeeper):
    """A run that the server knows."""

    def setUp(self) -> None:
        super().setUp()
        created = call("POST", "/flow_runs/", {"flow_id": RUN})
        self.key = created.body["idempotency_key"]
        self.keeper.creating(created)
        self.keeper.seen(created, {"id": RUN, "name": "n", "state": {}})

    def test_a_run_leaves_a_will_before_the_server_is_asked_for_it(self) -> None:
        first = self.supervisor.requests[0]
        self.assertEqual(first.path, f"/v1/wills/prefect-{self.key}")
        [prior] = first.body["before"]
        self.assertEqual((prior["path"], prior["standsFor"]), ("/flow_runs/", self.key))
        self.assertEqual(prior["body"]["idempotency_key"], self.key)
        self.assertEqual(first.body["path"], f"/flow_runs/{self.key}/set_state")

    def test_a_run_that_the_server_refuses_leaves_none(self) -> None:
        refused = call("POST", "/flow_runs/", {"flow_id": RUN})
        before = len(self.paths())
        self.keeper.creating(refused)
        self.keeper.answered(refused)
        self.assertEqual(self.paths()[before:], [f"/v1/wills/prefect-{refused.body['idempotency_key']}"] * 2)

    def test_with_the_server_there_only_wills_are_told_to_the_supervisor(self) -> None:
        state = to_state(RUN, "COMPLETED")
        self.assertFalse(self.keeper.must_keep(state))
        self.keeper.seen(state, {"status": "ACCEPT", "state": {**state.state, "id": "s", "timestamp": "t"}})
        wills = [self.key, RUN, self.key, RUN]
        self.assertEqual(self.paths(), [f"/v1/wills/prefect-{id}" for id in wills])

    def test_a_run_that_others_have_made_leaves_a_will_from_its_beginning(self) -> None:
        other = str(uuid4())

        def reported(type: str) -> None:
            state = to_state(other, type)
            self.keeper.seen(state, {"status": "ACCEPT", "state": {**state.state, "id": "s", "timestamp": "t"}})

        reported("PENDING")
        self.assertNotIn(f"/v1/wills/prefect-{other}", self.paths())
        reported("RUNNING")
        reported("RUNNING")
        self.assertEqual(self.paths().count(f"/v1/wills/prefect-{other}"), 1)
        reported("CRASHED")
        self.assertEqual(self.paths().count(f"/v1/wills/prefect-{other}"), 2, "and now it was dropped")

    def test_it_is_told_through_the_queue_until_its_lane_is_empty(self) -> None:
        self.keeper.went_away("refused")
        self.keeper.keep(to_state(RUN, "RUNNING"))
        self.keeper.came_back()
        self.assertTrue(self.keeper.must_keep(to_state(RUN, "COMPLETED")), "its lane holds something")
        self.assertFalse(self.keeper.must_keep(to_state(str(uuid4()), "RUNNING")), "others are not behind")
        self.assertNotIn("before", self.operations()[0])
        said = {"status": "ACCEPT", "state": {"type": "COMPLETED", "id": "s", "timestamp": "t"}}
        self.answers(200, "applied", said)
        self.assertEqual(self.keeper.keep(to_state(RUN, "COMPLETED"))[1], said, "the server's own answer")
        self.assertFalse(self.keeper.must_keep(to_state(RUN, "RUNNING")))

    def test_what_the_server_refuses_it_is_asked_itself(self) -> None:
        self.keeper.went_away("refused")
        self.supervisor.otherwise = lambda request: error(422, "operation_refused")
        with self.assertRaises(NotKept):
            self.keeper.keep(to_state(RUN, "COMPLETED"))


class Without(unittest.TestCase):
    def test_without_a_supervisor_the_import_does_nothing_and_needs_no_prefect(self) -> None:
        program = "import sys, flowkeep.prefect as p; print(p.active, 'prefect' in sys.modules)"
        environment = {**os.environ, "FLOWKEEP_SOCKET": ""}
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        self.assertEqual(said.stdout, "False False\n", said.stderr)


if __name__ == "__main__":
    unittest.main()
