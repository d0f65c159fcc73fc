import io
import unittest

from flow1.effects import effects_of
from flow1.schema import ADD_PART, ADD_REJECTS, ADD_ROWS
from worker.csv_records import Position, read_records
from worker.parts import PartPayload

PART: PartPayload = {"file": "a.csv", "path": "a.csv", "part": 2, "offset": 4, "line": 2, "records": 2}


class Effects(unittest.TestCase):
    def effects(self, content: str) -> list[tuple[str, list[object]]]:
        return effects_of(PART, list(read_records(io.BytesIO(content.encode()), Position())), "run 1")

    def test_rows_rejects_and_the_part_are_stored_together(self) -> None:
        self.assertEqual(
            self.effects('a,b\n1,ü\n"2\n'),
            [
                (ADD_ROWS, ["a.csv", [{"line": 2, "data": {"a": "1", "b": "ü"}}]]),
                (
                    ADD_REJECTS,
                    ["a.csv", [{"line": 3, "reason": "a quote is opened and never closed", "raw": '"2'}]],
                ),
                (ADD_PART, ["a.csv", 2, 1, 1, "run 1"]),
            ],
        )

    def test_a_part_without_rejects_says_so(self) -> None:
        self.assertEqual([sql for sql, _ in self.effects("a\n1\n")], [ADD_ROWS, ADD_PART])
