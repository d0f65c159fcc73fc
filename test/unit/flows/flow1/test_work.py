import contextlib
import io
import json
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from threading import Event

from flow1.records import Position, Reject, Row
from flow1.work import Totals, Worker


class MemoryStore:
    """Keeps what it is given the way the database does."""

    def __init__(self) -> None:
        self.positions: dict[str, Position] = {}
        self.lines: dict[str, list[int]] = {}
        self.rejected: dict[str, list[int]] = {}
        self.batches = 0
        self.after_batch: Callable[[], None] = lambda: None

    def position(self, file: str) -> Position:
        return self.positions.get(file, Position())

    def add(self, file: str, start: Position, end: Position, rows: list[Row], rejects: list[Reject]) -> bool:
        if self.position(file) != start:
            return False
        self.positions[file] = end
        self.lines.setdefault(file, []).extend(row.line for row in rows)
        self.rejected.setdefault(file, []).extend(reject.line for reject in rejects)
        self.batches += 1
        self.after_batch()
        return True


class Work(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.store = MemoryStore()
        self.stop = Event()
        self.output = io.StringIO()
        redirect = contextlib.redirect_stdout(self.output)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)

    def write(self, name: str, content: str) -> None:
        (self.directory / name).write_text(content)

    def worker(self, batch_rows: int = 2) -> Worker:
        return Worker(self.store, self.directory, batch_rows, self.stop)

    def test_every_row_of_every_file_is_stored_or_rejected(self) -> None:
        self.write("a.csv", "x,y\n1,2\n3,4\n5\n6,7\n8,9\n")
        self.write("b.csv", "x\n1\n")
        self.write("notes.txt", "not for us\n")
        worker = self.worker()
        worker.run(once=True, poll_seconds=1)
        self.assertEqual(self.store.lines, {"a.csv": [2, 3, 5, 6], "b.csv": [2]})
        self.assertEqual(self.store.rejected, {"a.csv": [4], "b.csv": []})
        self.assertEqual(worker.totals, Totals(rows=5, rejects=1, files=2))

    def test_a_stop_lets_the_current_batch_finish_and_begins_no_other(self) -> None:
        self.write("a.csv", "x\n" + "1\n" * 10)
        self.store.after_batch = self.stop.set
        self.worker().run(once=False, poll_seconds=1)
        self.assertEqual(self.store.lines, {"a.csv": [2, 3]})

    def test_the_next_worker_goes_on_where_the_last_one_left_off(self) -> None:
        self.write("a.csv", "x\n" + "1\n" * 10)
        self.store.after_batch = self.stop.set
        self.worker().run(once=False, poll_seconds=1)
        self.store.after_batch = lambda: None
        self.stop.clear()
        self.worker(batch_rows=3).run(once=True, poll_seconds=1)
        self.assertEqual(self.store.lines, {"a.csv": list(range(2, 12))})

    def test_what_is_finished_is_left_alone_and_what_has_grown_is_not(self) -> None:
        self.write("a.csv", "x\n1\n")
        worker = self.worker()
        self.assertTrue(worker.work_through_directory())
        self.assertTrue(worker.work_through_directory())
        self.assertEqual(self.store.batches, 1)
        self.write("a.csv", "x\n1\n2\n")
        self.assertTrue(worker.work_through_directory())
        self.assertEqual(self.store.lines, {"a.csv": [2, 3]})

    def test_another_worker_on_the_same_file_costs_nothing(self) -> None:
        self.write("a.csv", "x\n" + "1\n" * 6)
        other = self.worker(batch_rows=1)

        def overtake() -> None:
            self.store.after_batch = lambda: None
            other.work_through_directory()

        self.store.after_batch = overtake
        worker = self.worker()
        self.assertFalse(worker.work_through_directory())
        self.assertTrue(worker.work_through_directory())
        self.assertEqual(self.store.lines, {"a.csv": list(range(2, 8))})

    def test_a_file_that_cannot_be_read_is_named_once(self) -> None:
        (self.directory / "dangling.csv").symlink_to("nowhere")
        self.write("ok.csv", "x\n1\n")
        worker = self.worker()
        self.assertTrue(worker.work_through_directory())
        self.assertTrue(worker.work_through_directory())
        messages = [json.loads(line) for line in self.output.getvalue().splitlines()]
        unreadable = [message for message in messages if message["message"] == "cannot read file"]
        self.assertEqual([message["file"] for message in unreadable], ["dangling.csv"])
        self.assertEqual(self.store.lines, {"ok.csv": [2]})
