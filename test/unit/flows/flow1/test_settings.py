import tempfile
import unittest
from pathlib import Path

from flow1.settings import Settings, SettingsError, read_settings

URL = "postgresql://flow@db.example/flows"
REQUIRED = {"CONTAINER_DATABASE_FLOWS_URL": URL, "CONTAINER_APP_INPUT_DIRECTORY": "/data"}


class ReadSettings(unittest.TestCase):
    def test_the_defaults(self) -> None:
        expected = Settings(URL, Path("/data"), once=False, batch_rows=500, poll_seconds=1)
        self.assertEqual(read_settings(REQUIRED), expected)

    def test_everything_set(self) -> None:
        environment = REQUIRED | {
            "CONTAINER_APP_ONCE": "Yes",
            "CONTAINER_APP_BATCH_ROWS": "7",
            "CONTAINER_APP_POLL_SECONDS": "60",
        }
        expected = Settings(URL, Path("/data"), once=True, batch_rows=7, poll_seconds=60)
        self.assertEqual(read_settings(environment), expected)

    def test_the_database_url_may_come_from_a_file(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(f"{URL}\n")
            file.flush()
            environment = {"CONTAINER_DATABASE_FLOWS_URL_FILE": file.name, "CONTAINER_APP_INPUT_DIRECTORY": "/data"}
            self.assertEqual(read_settings(environment).database_url, URL)

    def test_every_problem_is_listed(self) -> None:
        with self.assertRaises(SettingsError) as caught:
            read_settings(
                {
                    "CONTAINER_DATABASE_FLOWS_URL_FILE": "/nowhere/url",
                    "CONTAINER_APP_INPUT_DIRECTORY": "",
                    "CONTAINER_APP_ONCE": "perhaps",
                    "CONTAINER_APP_BATCH_ROWS": "0",
                    "CONTAINER_APP_POLL_SECONDS": "1e3",
                }
            )
        problems = str(caught.exception).split("\n")
        self.assertEqual(len(problems), 5)
        for name, problem in zip(
            ("DATABASE_FLOWS_URL_FILE", "INPUT_DIRECTORY", "ONCE", "BATCH_ROWS", "POLL_SECONDS"), problems, strict=True
        ):
            self.assertIn(name, problem)
