import tempfile
import unittest

from worker.settings import Reader, SettingsError


class Settings(unittest.TestCase):
    def test_what_is_right_is_read(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            reader = Reader({"A": directory, "N": "7"})
            self.assertEqual(str(reader.directory("A")), directory)
            self.assertIsNone(reader.directory("B", required=False))
            self.assertEqual(reader.number("N", default=1, maximum=10), 7)
            self.assertEqual(reader.number("M", default=3, maximum=10), 3)
            reader.done()

    def test_every_problem_is_told_at_once(self) -> None:
        reader = Reader({"A": "/does/not/exist", "N": "1x", "Z": "0"})
        reader.directory("A")
        reader.directory("B")
        reader.text("C", "it names a server")
        reader.number("N", default=1, maximum=10)
        reader.number("Z", default=1, maximum=10)
        with self.assertRaises(SettingsError) as raised:
            reader.done()
        self.assertEqual(
            str(raised.exception).split("\n"),
            [
                "A: /does/not/exist is not a directory here: mount one there, or name another",
                "B is not set: it names a directory",
                "C is not set: it names a server",
                "N is '1x', not a number from 1 to 10",
                "Z is '0', not a number from 1 to 10",
            ],
        )
