import csv
import io
import os
import unittest
from pathlib import Path

from worker.csv_records import (
    RECORD_BYTES_MAX,
    RECORD_LINES_MAX,
    Position,
    Record,
    Reject,
    Row,
    column_names,
    read_records,
)


def read(content: bytes, start: Position = Position()) -> list[Record]:
    return list(read_records(io.BytesIO(content), start))


def outcomes(content: bytes) -> list[Row | Reject]:
    return [record.outcome for record in read(content)]


def reasons(content: bytes) -> list[tuple[int, str]]:
    return [(outcome.line, outcome.reason) for outcome in outcomes(content) if isinstance(outcome, Reject)]


def rows(content: bytes) -> list[tuple[int, dict[str, str]]]:
    return [(outcome.line, outcome.values) for outcome in outcomes(content) if isinstance(outcome, Row)]


class SoundFiles(unittest.TestCase):
    def test_the_first_line_names_the_columns(self) -> None:
        self.assertEqual(outcomes(b"a,b\n1,2\n3,4\n"), [Row(2, {"a": "1", "b": "2"}), Row(3, {"a": "3", "b": "4"})])

    def test_the_last_line_needs_no_line_break(self) -> None:
        self.assertEqual(rows(b"a\n1"), [(2, {"a": "1"})])

    def test_windows_line_breaks_and_a_byte_order_mark(self) -> None:
        self.assertEqual(rows(b"\xef\xbb\xbfa,b\r\n1,2\r\n"), [(2, {"a": "1", "b": "2"})])

    def test_a_quoted_field_may_hold_line_breaks_commas_and_quotes(self) -> None:
        found = rows(b'a,b\n"1\n,""x""\n",2\n3,4\n')
        self.assertEqual(found, [(2, {"a": '1\n,"x"\n', "b": "2"}), (5, {"a": "3", "b": "4"})])

    def test_what_unicode_calls_a_line_separator_is_text(self) -> None:
        self.assertEqual(rows("a,b\n1\u20282,\x0c3\n".encode()), [(2, {"a": "1\u20282", "b": "\x0c3"})])

    def test_a_file_with_a_header_only_has_no_records(self) -> None:
        self.assertEqual(read(b"a,b\n"), [])

    def test_an_empty_file_has_no_records(self) -> None:
        self.assertEqual(read(b""), [])

    def test_each_column_has_a_name_of_its_own(self) -> None:
        names = column_names(["a", "", "a", " b ", "a", "a_5"])
        self.assertEqual(names[:4], ["a", "column_2", "a_3", "b"])
        self.assertEqual(len(set(names)), 6)


class MalformedLines(unittest.TestCase):
    def test_another_number_of_fields(self) -> None:
        content = b"a,b\n1\n1,2,3\n4,5\n"
        self.assertEqual(
            reasons(content), [(2, "1 fields where the header has 2"), (3, "3 fields where the header has 2")]
        )
        self.assertEqual(rows(content), [(4, {"a": "4", "b": "5"})])

    def test_not_utf8_nul_and_empty(self) -> None:
        content = b"a\n\xff\n\0\n\n  \nok\n"
        self.assertEqual(
            reasons(content),
            [(2, "not UTF-8: byte 0xff"), (3, "a NUL byte"), (4, "an empty line"), (5, "an empty line")],
        )
        self.assertEqual(rows(content), [(6, {"a": "ok"})])

    def test_what_is_kept_of_a_reject_can_be_stored_as_text(self) -> None:
        outcome = outcomes(b"a\n" + b"x\0\xff" * 5_000 + b"\n")[0]
        assert isinstance(outcome, Reject)
        self.assertEqual(len(outcome.raw), 1_000)
        self.assertTrue(outcome.raw.startswith("x\\x00\\xffx"))

    def test_a_forgotten_quote_costs_its_own_line_only(self) -> None:
        content = b'a,b\n"1,2\n' + b"3,4\n" * (RECORD_LINES_MAX * 2)
        self.assertEqual(reasons(content), [(2, "a quote is opened and never closed")])
        self.assertEqual([line for line, _ in rows(content)], list(range(3, 3 + RECORD_LINES_MAX * 2)))

    def test_a_forgotten_quote_that_meets_another_one(self) -> None:
        content = b'a,b\n"1,2\n3,"4"\n'
        self.assertEqual(reasons(content), [(2, "a quote is opened and not closed: ',' expected after '\"'")])
        self.assertEqual(rows(content), [(3, {"a": "3", "b": "4"})])

    def test_a_forgotten_quote_in_the_last_line(self) -> None:
        self.assertEqual(reasons(b'a\n"1'), [(2, "a quote is opened and never closed")])

    def test_a_quote_in_the_wrong_place(self) -> None:
        self.assertEqual(reasons(b'a,b\n"1"x,2\n'), [(2, "',' expected after '\"'")])

    def test_a_line_of_any_length_is_read_in_bounded_memory(self) -> None:
        content = b"a\n" + b"x" * (RECORD_BYTES_MAX * 3) + b"\nok\n"
        self.assertEqual(reasons(content), [(2, f"longer than {RECORD_BYTES_MAX} bytes")])
        self.assertEqual(rows(content), [(3, {"a": "ok"})])

    def test_without_a_header_each_line_is_rejected(self) -> None:
        self.assertEqual(
            reasons(b"\xff\n1,2\n"), [(1, "not UTF-8: byte 0xff"), (2, "the file has no readable header")]
        )


class Resuming(unittest.TestCase):
    CONTENTS = (
        b'a,b\n1,2\n"3\n4",5\n"broken\n6,7\n\n8,9',
        b"\xff\n1\n2\n",
    )

    def test_from_the_end_of_any_record_the_rest_is_the_same(self) -> None:
        for content in self.CONTENTS:
            whole = read(content)
            for index, record in enumerate(whole, start=1):
                with self.subTest(content=content, after=record.end):
                    self.assertEqual(read(content, record.end), whole[index:])

    def test_the_last_record_ends_where_the_file_does(self) -> None:
        for content in self.CONTENTS:
            self.assertEqual(read(content)[-1].end.offset, len(content))


DATA = os.environ.get("FLOW_TEST_DATA")


@unittest.skipIf(DATA is None, "FLOW_TEST_DATA names no directory with CSV files")
class RealFiles(unittest.TestCase):
    def test_the_same_rows_as_the_csv_module_gives_for_the_whole_file(self) -> None:
        paths = sorted(Path(DATA or "").glob("*.csv"))
        self.assertGreater(len(paths), 0)
        for path in paths:
            with self.subTest(path.name):
                with path.open(newline="", encoding="utf-8-sig") as stream:
                    expected = [tuple(fields) for fields in csv.reader(stream)][1:]
                found = outcomes(path.read_bytes())
                self.assertEqual([outcome for outcome in found if isinstance(outcome, Reject)], [])
                self.assertEqual([tuple(row.values.values()) for row in found if isinstance(row, Row)], expected)
