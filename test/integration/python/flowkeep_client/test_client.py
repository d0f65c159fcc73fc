import multiprocessing
import threading
import unittest
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import flowkeep
from flowkeep import transport
from flowkeep.exact_json import decode, encode

from supervisor import Answer, Supervisor, error


class WithSupervisor(unittest.TestCase):
    def setUp(self) -> None:
        self.supervisor = Supervisor()
        self.supervisor.start()
        self.addCleanup(self.supervisor.close)
        self.client = flowkeep.Client(self.supervisor.path, timeout=5)
        self.addCleanup(self.client.close)


class Json(unittest.TestCase):
    def test_no_number_changes_on_its_way(self) -> None:
        digits = "123456789012345678901234567890.12345678901234567890"
        self.assertEqual(encode({"a": [Decimal(digits), 2**70, -0.5]}), f'{{"a":[{digits},{2**70},-0.5]}}'.encode())
        self.assertEqual(
            decode(f'{{"a":{digits},"b":{2**70},"c":1.10}}'.encode()),
            {"a": Decimal(digits), "b": 2**70, "c": Decimal("1.10")},
        )
        self.assertEqual(str(decode(b"1.10")), "1.10")
        self.assertEqual(decode(encode(Decimal("1E+400"))), Decimal("1E+400"))

    def test_what_postgresql_reads_from_text_is_sent_as_text(self) -> None:
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        number = UUID(int=1)
        self.assertEqual(
            encode([moment, moment.date(), number]),
            b'["2026-01-02T03:04:05+00:00","2026-01-02","00000000-0000-0000-0000-000000000001"]',
        )

    def test_what_json_cannot_say_is_refused_before_anything_is_sent(self) -> None:
        for value in (float("nan"), Decimal("Infinity"), "\ud800", {1: Decimal(1)}, {"a": object()}, b"bytes"):
            with self.assertRaises((TypeError, ValueError), msg=repr(value)):
                encode(value)
        for text in (b"NaN", b"[Infinity]", b"{", b"\xff"):
            with self.assertRaises(ValueError, msg=repr(text)):
                decode(text)


class Calls(WithSupervisor):
    def test_a_submission_has_an_id_and_keeps_it_when_it_is_repeated(self) -> None:
        answer = {"id": "an-id", "state": "applied", "result": {"rowCount": 1}}
        refused = [error(503, code) for code in ("outcome_unknown", "state_directory_unavailable")]
        self.supervisor.script += [*refused, Answer(200, gone=True), Answer(200, answer)]
        submitted = self.client.submit("rpa_db", "insert into t values ($1)", [Decimal("1.10")], key="lane")
        self.assertEqual(submitted, flowkeep.Submitted("an-id", "applied", {"rowCount": 1}))
        self.assertEqual(len({request.text for request in self.supervisor.requests}), 1)
        self.assertIn('"params":[1.10]', self.supervisor.requests[0].text)
        body = self.supervisor.requests[0].body
        self.assertEqual(
            {**body, "id": "", "params": []},
            {
                "id": "",
                "target": "rpa_db",
                "mode": "auto",
                "sql": "insert into t values ($1)",
                "params": [],
                "key": "lane",
            },
        )

    def test_a_submission_to_a_service_and_several_statements(self) -> None:
        self.supervisor.otherwise = lambda request: Answer(202, {"id": request.body["id"], "state": "queued"})
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.assertEqual(
            self.client.submit("prefect", method="POST", path="/events", body=[], id="a", expires_at=moment).state,
            "queued",
        )
        self.client.submit("rpa_db", effects=["select 1", ("select $1", (2,))], id="b", mode="queue")
        self.assertEqual(
            [request.body for request in self.supervisor.requests],
            [
                {
                    "id": "a",
                    "target": "prefect",
                    "mode": "auto",
                    "method": "POST",
                    "path": "/events",
                    "body": [],
                    "expiresAt": "2026-01-01T00:00:00+00:00",
                },
                {
                    "id": "b",
                    "target": "rpa_db",
                    "mode": "queue",
                    "effects": [{"sql": "select 1", "params": []}, {"sql": "select $1", "params": [2]}],
                },
            ],
        )

    def test_a_refusal_is_an_exception_with_code_field_and_hint(self) -> None:
        self.supervisor.script.append(error(400, "invalid_request", field="priority"))
        with self.assertRaises(flowkeep.InvalidRequest) as raised:
            self.client.enqueue("orders", [1])
        found = raised.exception
        self.assertEqual(
            (found.code, found.field, found.hint, found.status), ("invalid_request", "priority", "a hint", 400)
        )
        self.assertIn("a message", str(found))
        self.assertIn("a hint", str(found))
        self.assertEqual(len(self.supervisor.requests), 1)

    def test_each_code_has_its_class(self) -> None:
        expected = {
            "epoch_stale": flowkeep.EpochStale,
            "draining": flowkeep.Draining,
            "operation_refused": flowkeep.Refused,
            "operation_conflict": flowkeep.Conflict,
            "a_code_of_tomorrow": flowkeep.FlowkeepError,
        }
        for code, kind in expected.items():
            self.supervisor.script.append(error(409, code))
            with self.assertRaises(kind) as raised:
                self.client.ready()
            self.assertIs(type(raised.exception), kind)

    def test_an_answer_of_another_form_is_an_error(self) -> None:
        for answer in (Answer(500, {"oops": True}), Answer(404, []), Answer(200, b"<html>")):
            self.supervisor.script.append(answer)
            with self.assertRaises(flowkeep.FlowkeepError) as raised:
                self.client.ready()
            self.assertEqual(raised.exception.code, "internal")

    def test_patience_ends_with_the_timeout(self) -> None:
        self.supervisor.otherwise = lambda _: error(503, "dependency_unavailable")
        impatient = flowkeep.Client(self.supervisor.path, timeout=0.2)
        self.addCleanup(impatient.close)
        with self.assertRaises(flowkeep.Unavailable) as raised:
            impatient.submit("rpa_db", "select 1")
        self.assertEqual(raised.exception.code, "dependency_unavailable")
        self.assertGreater(len(self.supervisor.requests), 1)

    def test_a_wait_that_the_supervisor_asks_for_is_kept(self) -> None:
        failure = flowkeep.Unavailable("queue_full", "", retry_after_seconds=4)
        pauses = [transport._pause(failure, 0.05) for _ in range(100)]
        self.assertGreaterEqual(min(pauses), 2)
        self.assertLessEqual(max(pauses), 4)
        self.assertLessEqual(transport._pause(flowkeep.Unavailable("queue_full", "", retry_after_seconds=9999), 1), 30)

    def test_it_waits_for_a_supervisor_that_is_not_there_yet(self) -> None:
        self.supervisor.stop()
        timer = threading.Timer(0.1, self.supervisor.start)
        timer.start()
        self.addCleanup(timer.join)
        self.client.ready()
        self.assertEqual(self.supervisor.paths(), ["/v1/ready"])

    def test_without_a_supervisor_the_error_names_the_socket(self) -> None:
        with self.assertRaisesRegex(flowkeep.Unreachable, "/nowhere/control.sock"):
            flowkeep.Client("/nowhere/control.sock", timeout=0).ready()
        with self.assertRaisesRegex(flowkeep.Unreachable, "FLOWKEEP_SOCKET is not set"):
            flowkeep.Client("")

    def test_one_thread_uses_one_connection(self) -> None:
        for _ in range(5):
            self.client.ready()
        self.assertEqual(self.supervisor.connections, 1)

    def test_threads_have_a_connection_each_and_few_are_kept(self) -> None:
        everyone_asked = threading.Event()
        self.supervisor.otherwise = lambda _: Answer(200, {}, after=everyone_asked)
        threads = [threading.Thread(target=self.client.ready) for _ in range(20)]
        for thread in threads:
            thread.start()
        self.supervisor.wait_for_requests(20)
        everyone_asked.set()
        for thread in threads:
            thread.join()
        self.assertEqual(self.supervisor.connections, 20)
        self.assertEqual(len(self.client._transport._idle), transport.IDLE_CONNECTIONS_MAX)

    def test_a_forked_child_does_not_use_its_parents_connections(self) -> None:
        self.client.ready()
        child = multiprocessing.get_context("fork").Process(target=self.client.ready)
        child.start()
        child.join()
        self.assertEqual(child.exitcode, 0)
        self.client.ready()
        self.assertEqual(self.supervisor.connections, 2)

    def test_payloads_go_in_requests_of_a_bounded_size(self) -> None:
        self.supervisor.otherwise = lambda request: Answer(
            200, {"ids": [str(item["payload"]) for item in request.body["records"]], "duplicates": 1}
        )
        done = self.client.enqueue(
            "orders", range(2_500), key=str, priority=-1, run_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        self.assertEqual(done, flowkeep.Enqueued([str(number) for number in range(2_500)], 3))
        bodies = [request.body for request in self.supervisor.requests]
        self.assertEqual([len(body["records"]) for body in bodies], [1_000, 1_000, 500])
        self.assertEqual(
            bodies[2]["records"][-1],
            {"payload": 2499, "key": "2499", "priority": -1, "runAt": "2026-01-01T00:00:00+00:00"},
        )
        self.assertEqual(len({body["id"] for body in bodies}), 3)
        self.supervisor.requests.clear()
        self.supervisor.otherwise = lambda request: Answer(200, {"ids": [], "duplicates": 0})
        self.client.enqueue("orders", ["x" * 3_000_000] * 3)
        self.assertEqual(len(self.supervisor.requests), 3)
        self.assertEqual(self.client.enqueue("orders", []), flowkeep.Enqueued([], 0))

    def test_a_moment_without_a_time_zone_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "no time zone"):
            self.client.enqueue("orders", [1], run_at=datetime(2026, 1, 1))
        self.assertEqual(self.supervisor.requests, [])
