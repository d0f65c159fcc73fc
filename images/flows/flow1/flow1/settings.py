"""What the flow is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATABASE_URL = "CONTAINER_DATABASE_FLOWS_URL"
DIRECTORY = "CONTAINER_APP_INPUT_DIRECTORY"
ONCE = "CONTAINER_APP_ONCE"
BATCH_ROWS = "CONTAINER_APP_BATCH_ROWS"
POLL_SECONDS = "CONTAINER_APP_POLL_SECONDS"

BATCH_ROWS_MAX = 10_000
POLL_SECONDS_MAX = 3_600

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


@dataclass(frozen=True)
class Settings:
    database_url: str
    directory: Path
    once: bool
    """End when every file is worked through, instead of waiting for more."""
    batch_rows: int
    """Rows stored in one transaction."""
    poll_seconds: int
    """Between two looks into the directory."""


class SettingsError(Exception):
    """The message lists every problem, one per line."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError."""
    reader = _Reader(environment)
    settings = Settings(
        database_url=reader.secret(DATABASE_URL),
        directory=Path(reader.text(DIRECTORY)),
        once=reader.flag(ONCE, default=False),
        batch_rows=reader.number(BATCH_ROWS, default=500, maximum=BATCH_ROWS_MAX),
        poll_seconds=reader.number(POLL_SECONDS, default=1, maximum=POLL_SECONDS_MAX),
    )
    if reader.problems:
        raise SettingsError("\n".join(reader.problems))
    return settings


class _Reader:
    """An empty value counts as unset, as it does for the supervisor."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        value = self._environment.get(name, "")
        if value == "":
            self.problems.append(f"{name} is not set")
        return value

    def secret(self, name: str) -> str:
        """The supervisor never hands on what came from a file, so the flow reads it for itself."""
        path = self._environment.get(f"{name}_FILE", "")
        if path == "":
            return self.text(name)
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}_FILE: cannot read {path}: {error}")
            return ""

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._environment.get(name, "").lower()
        if value not in ("", *TRUE, *FALSE):
            self.problems.append(f"{name} is {value!r}, not true or false")
        return default if value == "" else value in TRUE

    def number(self, name: str, *, default: int, maximum: int) -> int:
        value = self._environment.get(name, "")
        if value == "":
            return default
        if value.isascii() and value.isdigit() and 1 <= int(value) <= maximum:
            return int(value)
        self.problems.append(f"{name} is {value!r}, not a number from 1 to {maximum}")
        return default
