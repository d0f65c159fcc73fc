import os
import tempfile
import unittest
from pathlib import Path

from worker.csv_records import Position, Reject, Row, read_records
from worker.directory import path_of, payload_of
from worker.parts import PART_RECORDS_MAX, cut, read


class Parts(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content)
        return path

    def joined(self, path: Path) -> list[Row | Reject]:
        parts = list(cut(path, payload_of(path)))
        return [record.outcome for part in parts for record in read(self.directory, part)]

    def whole(self, path: Path) -> list[Row | Reject]:
        with path.open("rb") as stream:
            return [record.outcome for record in read_records(stream, Position())]

    def test_the_parts_together_are_the_file(self) -> None:
        lines = [b'%d,"two\nlines"\n' % n if n % 7 == 0 else b"%d,x\n" % n for n in range(PART_RECORDS_MAX * 2 + 3)]
        path = self.write("a.csv", b"n,text\n" + b"".join(lines) + b'9,"open\n10\n')
        self.assertEqual(self.joined(path), self.whole(path))
        self.assertEqual([part["part"] for part in cut(path, payload_of(path))], [1, 2, 3])

    def test_a_part_of_long_rows_ends_early_and_the_longest_row_is_a_part_of_its_own(self) -> None:
        path = self.write("a.csv", b"text\n" + (b"x" * 400_000 + b"\n") * 5 + b"y" * 1_000_000 + b"\nz\n")
        self.assertEqual([part["records"] for part in cut(path, payload_of(path))], [2, 2, 1, 2])
        self.assertEqual(self.joined(path), self.whole(path))

    def test_without_rows_there_is_no_part_and_without_a_header_every_row_is_in_one(self) -> None:
        self.assertEqual(list(cut(path := self.write("a.csv", b"a,b\n"), payload_of(path))), [])
        path = self.write("b.csv", b"\0\n1,2\n")
        self.assertEqual(len(self.joined(path)), 2)

    def test_real_files(self) -> None:
        for name in ("airports.csv", "stocks.csv"):
            path = self.write(name, (Path(os.environ["FLOW_TEST_DATA"]) / name).read_bytes())
            self.assertEqual(self.joined(path), self.whole(path))

    def test_a_file_that_has_shrunk_is_told_from_the_one_that_was_cut(self) -> None:
        path = self.write("a.csv", b"a\n1\n2\n")
        [part] = cut(path, payload_of(path))
        self.write("a.csv", b"a\n1\n")
        with self.assertRaisesRegex(ValueError, "has changed"):
            read(self.directory, part)


class Names(unittest.TestCase):
    def test_a_name_of_any_bytes_leads_back_to_its_file(self) -> None:
        for name in ("a b.csv", "ü.csv", os.fsdecode(b"\xff%2F.csv")):
            path = Path("/data") / name
            self.assertEqual(path_of(Path("/data"), payload_of(path)), path)

    def test_no_name_leads_out_of_the_directory(self) -> None:
        for name in ("..", "%2E%2E%2Fetc", "..%2Fetc", "", "a%00b", "/etc"):
            with self.assertRaises(ValueError):
                path_of(Path("/data"), {"file": "x", "path": name})
