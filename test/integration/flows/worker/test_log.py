import contextlib
import io
import json
import logging
import tempfile
import unittest
from pathlib import Path

from worker import log


class Log(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.output = io.StringIO()
        redirect = contextlib.redirect_stdout(self.output)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)
        self.addCleanup(setattr, logging.getLogger(), "handlers", logging.getLogger().handlers[:])

    def end(self) -> None:
        for handler in logging.getLogger().handlers:
            handler.close()
        while log._held:
            log._held.pop().close()

    def test_each_line_is_one_object_whoever_logs(self) -> None:
        log.begin("flow", None)
        log.warning("two\nlines", file="ü.csv", count=2)
        try:
            raise ValueError("bad")
        except ValueError:
            logging.getLogger("prefect.flow_runs").exception("it failed", extra={"flow_run_name": "run 1"})
        first, second = (json.loads(line) for line in self.output.getvalue().splitlines())
        self.assertEqual(
            (first["level"], first["message"], first["file"], first["count"]), ("warn", "two\nlines", "ü.csv", 2)
        )
        self.assertEqual((second["logger"], second["flow_run_name"]), ("prefect.flow_runs", "run 1"))
        self.assertIn("ValueError: bad", second["error"])

    def test_files_are_rotated_and_bounded(self) -> None:
        log.begin("flow", self.directory)
        self.addCleanup(self.end)
        line = "x" * (log.FILE_BYTES_MAX // 2)
        for _ in range(3 * log.FILES_MAX):
            log.info(line)
        names = sorted(path.name for path in self.directory.glob("*.log*"))
        self.assertEqual(names, ["flow-0.log", "flow-0.log.1", "flow-0.log.2", "flow-0.log.3"])
        self.assertTrue(all(path.stat().st_size <= log.FILE_BYTES_MAX for path in self.directory.glob("*.log*")))

    def test_each_worker_has_a_file_of_its_own_and_a_number_is_used_again(self) -> None:
        first = log._take_file(self.directory, "flow")
        second = log._take_file(self.directory, "flow")
        self.assertEqual((first.name, second.name), ("flow-0.log", "flow-1.log"))
        self.end()
        self.assertEqual(log._take_file(self.directory, "flow").name, "flow-0.log")
        self.end()
