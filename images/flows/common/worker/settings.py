"""Reads what a flow is told by its environment, and collects every problem before it gives up."""

from collections.abc import Mapping
from pathlib import Path

LOG_DIRECTORY = "CONTAINER_APP_LOG_DIRECTORY"
PREFECT = "PREFECT_API_URL"
INPUT_DIRECTORY = "CONTAINER_APP_INPUT_DIRECTORY"


class SettingsError(Exception):
    """The message lists every problem, one per line."""


class Reader:
    """An empty value counts as unset, as it does for the supervisor."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def done(self) -> None:
        """Raises SettingsError if anything that was read is wrong."""
        if self._problems:
            raise SettingsError("\n".join(self._problems))

    def text(self, name: str, meaning: str) -> str:
        value = self._environment.get(name, "")
        if value == "":
            self._problems.append(f"{name} is not set: {meaning}")
        return value

    def directory(self, name: str, *, required: bool = True) -> Path | None:
        value = self._environment.get(name, "")
        if value == "" and required:
            self._problems.append(f"{name} is not set: it names a directory")
        elif value != "" and not Path(value).is_dir():
            self._problems.append(f"{name}: {value} is not a directory here: mount one there, or name another")
        return Path(value) if value else None

    def number(self, name: str, *, default: int, minimum: int = 1, maximum: int) -> int:
        value = self._environment.get(name, "")
        if value == "":
            return default
        if value.isascii() and value.isdigit() and minimum <= int(value) <= maximum:
            return int(value)
        self._problems.append(f"{name} is {value!r}, not a number from {minimum} to {maximum}")
        return default
