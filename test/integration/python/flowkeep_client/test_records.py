import gc
import threading
import unittest
from typing import Any

import flowkeep
from test_client import WithSupervisor

from supervisor import Answer, Request, error, record


class WithQueue(WithSupervisor):
    """Hands out `waiting` until it is empty."""

    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[dict[str, Any]] = []
        self.supervisor.otherwise = self.answer

    def answer(self, request: Request) -> Answer:
        if request.path == "/v1/records/claim":
            limit = request.body["limit"]
            handed, self.waiting = self.waiting[:limit], self.waiting[limit:]
            return Answer(200, {"records": handed})
        return Answer(200, {"state": "applied"})

    def settled(self) -> list[str]:
        return [path.removeprefix("/v1/records/") for path in self.supervisor.paths() if not path.endswith("claim")]


class Loop(WithQueue):
    def test_each_record_is_handed_out_and_completed_with_its_effects(self) -> None:
        self.waiting = [record(1, key="k", attempt=2, epoch=7), record(2)]
        seen = []
        for item in self.client.records("orders", once=True):
            seen.append((item.id, item.key, item.payload, item.attempt, item.epoch))
            self.assertEqual(item.complete(effects=["select 1", ("select $1", [item.id])]), "applied")
        self.assertEqual(seen, [("1", "k", {"n": 1}, 2, 7), ("2", None, {"n": 2}, 1, 1)])
        first = self.supervisor.requests[0]
        self.assertEqual(first.body, {"queue": "orders", "limit": 1, "waitMs": 0})
        completion = self.supervisor.requests[1]
        self.assertEqual(completion.path, "/v1/records/1/complete")
        self.assertEqual(
            completion.body,
            {"epoch": 7, "effects": [{"sql": "select 1", "params": []}, {"sql": "select $1", "params": ["1"]}]},
        )

    def test_it_asks_again_while_the_queue_is_empty_and_ends_when_the_container_drains(self) -> None:
        self.supervisor.script += [
            Answer(200, {"records": []}),
            Answer(200, {"records": [record(1)]}),
            Answer(200, {"state": "queued"}),
            error(503, "draining"),
        ]
        records = self.client.records("orders", batch=3)
        self.assertEqual([item.complete() for item in records], ["queued"])
        self.assertEqual(self.supervisor.requests[0].body, {"queue": "orders", "limit": 3, "waitMs": 10_000})
        self.assertEqual(list(records), [], "it stays ended")
        self.assertEqual(len(self.supervisor.requests), 4)

    def test_batches_hold_what_is_at_hand_and_no_more_than_may_be_open(self) -> None:
        self.waiting = [record(number) for number in range(1, 8)]
        records = self.client.records("orders", batch=5, concurrency=3, once=True)
        seen = []
        for batch in records.batches():
            seen.append([item.id for item in batch])
            for item in batch:
                item.complete()
        self.assertEqual(seen, [["1", "2", "3"], ["4", "5"], ["6", "7"]])

    def test_it_outlasts_the_database(self) -> None:
        impatient = flowkeep.Client(self.supervisor.path, timeout=0)
        self.addCleanup(impatient.close)
        self.supervisor.script += [error(503, "dependency_unavailable")] * 3
        self.supervisor.script += [Answer(200, {"records": [record(1)]})]
        with self.assertLogs("flowkeep", "INFO") as logs:
            item = next(impatient.records("orders"))
        self.assertEqual(item.id, "1")
        self.assertEqual(len(logs.records), 2, "it says once that it waits, and once that it goes on")
        self.supervisor.script += [error(503, "dependency_unavailable")]
        with self.assertRaises(flowkeep.Unavailable):
            next(impatient.records("orders", once=True))

    def test_a_record_that_was_forgotten_is_an_error_that_says_so(self) -> None:
        self.waiting = [record(1), record(2)]
        with self.assertRaisesRegex(flowkeep.RecordUnsettled, "record 1 of queue orders was neither"):
            for _ in self.client.records("orders"):
                pass

    def test_a_stale_record_is_settled_and_the_loop_may_go_on(self) -> None:
        self.waiting = [record(1), record(2)]
        stale = []
        for item in self.client.records("orders", once=True):
            if item.id == "1":
                self.supervisor.script.append(error(409, "epoch_stale"))
            try:
                item.complete()
            except flowkeep.EpochStale:
                stale.append(item.id)
        self.assertEqual(stale, ["1"])

    def test_refused_effects_leave_the_record_to_be_failed(self) -> None:
        self.waiting = [record(1)]
        item = next(self.client.records("orders"))
        self.supervisor.script.append(error(422, "operation_refused"))
        with self.assertRaises(flowkeep.Refused):
            item.complete(effects=["insert into nowhere values (1)"])
        self.assertFalse(item.settled)
        item.fail(ValueError("no such table"), retry=False)
        self.assertTrue(item.settled)
        self.assertEqual(self.supervisor.requests[-1].body, {"epoch": 1, "reason": "no such table", "retry": False})

    def test_effects_of_the_wrong_form_are_refused_before_anything_is_sent(self) -> None:
        self.waiting = [record(1)]
        item = next(self.client.records("orders"))
        for effects in ("select 1", [("select $1", "abc")], [1], [("a", [], "b")]):
            with self.assertRaises(TypeError, msg=repr(effects)):
                item.complete(effects=effects)  # type: ignore[arg-type]
        self.assertEqual(self.settled(), [])

    def test_as_a_context_an_exception_fails_the_record_and_goes_on(self) -> None:
        self.waiting = [record(1), record(2)]
        records = self.client.records("orders")
        with self.assertRaises(KeyError), next(records):
            raise KeyError("total")
        self.assertEqual(self.supervisor.requests[-1].body, {"epoch": 1, "reason": "KeyError: 'total'", "retry": True})
        with self.assertRaises(flowkeep.RecordUnsettled), next(records):
            pass

    def test_numbers_that_make_no_sense_are_refused(self) -> None:
        for options in ({"batch": 0}, {"batch": 501}, {"concurrency": 0}):
            with self.assertRaises(ValueError):
                self.client.records("orders", **options)  # type: ignore[arg-type]


class GivingBack(WithQueue):
    def test_what_was_not_begun_is_given_back(self) -> None:
        self.waiting = [record(number) for number in range(1, 6)]
        with self.client.records("orders", batch=5) as records:
            next(records).complete()
            begun = next(records)
        self.assertEqual(self.settled(), ["1/complete", "3/release", "4/release", "5/release"])
        begun.complete()
        self.assertEqual(self.settled()[-1], "2/complete", "what was begun can still be completed")

    def test_a_loop_that_is_left_gives_back_by_itself(self) -> None:
        self.waiting = [record(1), record(2)]
        for item in self.client.records("orders", batch=2):
            item.complete()
            break
        gc.collect()
        self.assertEqual(self.settled(), ["1/complete", "2/release"])

    def test_closing_ends_the_wait_in_another_thread_at_once(self) -> None:
        held = threading.Event()
        self.addCleanup(held.set)
        self.supervisor.script.append(Answer(200, {"records": [record(1)]}, after=held))
        records = self.client.records("orders")
        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.extend(records))
        thread.start()
        self.supervisor.wait_for_requests(1)
        records.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertEqual(got, [])


class Threads(WithQueue):
    def test_as_many_as_agreed_are_open_at_a_time(self) -> None:
        self.waiting = [record(number) for number in range(1, 41)]
        lock = threading.Lock()
        now = most = 0
        handled: list[str] = []
        everyone = threading.Barrier(4)

        def work(records: flowkeep.Records) -> None:
            nonlocal now, most
            everyone.wait(10)
            for item in records:
                with lock:
                    now += 1
                    most = max(most, now)
                    handled.append(item.id)
                with lock:
                    now -= 1
                item.complete()

        records = self.client.records("orders", batch=3, once=True, concurrency=3)
        threads = [threading.Thread(target=work, args=(records,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual(sorted(handled, key=int), [str(number) for number in range(1, 41)])
        self.assertLessEqual(most, 3)

    def test_one_who_waits_goes_on_when_another_settles(self) -> None:
        self.waiting = [record(1), record(2), record(3)]
        records = self.client.records("orders", batch=3, concurrency=2)
        first, _second = next(records), next(records)
        got: list[flowkeep.Record] = []
        thread = threading.Thread(target=lambda: got.append(next(records)))
        thread.start()
        self.assertEqual(got, [])
        first.complete()
        thread.join(10)
        self.assertEqual([item.id for item in got], ["3"])


class Many(WithQueue):
    def test_many_are_completed_with_one_request_each_by_itself(self) -> None:
        self.waiting = [record(1), record(2), record(3, epoch=9)]
        records = self.client.records("orders", batch=3, concurrency=3)
        items = [next(records) for _ in range(3)]
        stale = {"code": "epoch_stale", "message": "", "hint": ""}
        refused = {"code": "operation_refused", "message": "", "hint": ""}
        self.supervisor.script.append(
            Answer(
                207,
                {
                    "records": [
                        {"id": "1", "state": "applied"},
                        {"id": "2", "state": "refused", "error": stale},
                        {"id": "3", "state": "refused", "error": refused},
                    ]
                },
            )
        )
        done = self.client.complete([items[0], (items[1], ["select 1"]), (items[2], [])])
        self.assertEqual(
            self.supervisor.requests[-1].body[1:],
            [
                {"id": "2", "epoch": 1, "effects": [{"sql": "select 1", "params": []}]},
                {"id": "3", "epoch": 9, "effects": []},
            ],
        )
        self.assertEqual([one.state for one in done], ["applied", "refused", "refused"])
        self.assertEqual([type(one.error) for one in done], [type(None), flowkeep.EpochStale, flowkeep.Refused])
        self.assertEqual([item.settled for item in items], [True, True, False])
        self.assertEqual(self.client.complete([]), [])


if __name__ == "__main__":
    unittest.main()
