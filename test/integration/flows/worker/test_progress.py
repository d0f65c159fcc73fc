import json
import tempfile
import unittest
from pathlib import Path

from worker.progress import Progress, judge


class WorkAdvances(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "progress.json"

    def test_before_the_flow_runs_nothing_is_wrong(self) -> None:
        self.assertEqual(judge(self.path, 300), (0, "not begun yet"))

    def test_waiting_is_no_standstill_however_long(self) -> None:
        progress = Progress(self.path)
        progress.begin(3)
        progress.end(3)
        self.assertEqual(judge(self.path, -1), (0, "waiting for records, 3 settled"))

    def test_a_batch_in_work_for_too_long_is_unhealthy(self) -> None:
        Progress(self.path).begin(3)
        self.assertEqual(judge(self.path, 300), (0, "3 records are in work, 0 settled"))
        content = json.loads(self.path.read_text())
        self.path.write_text(json.dumps(content | {"since": content["since"] - 301}))
        code, message = judge(self.path, 300)
        self.assertEqual(code, 2)
        self.assertIn("3 records are in work for 301 s", message)
