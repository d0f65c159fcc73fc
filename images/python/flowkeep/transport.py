"""HTTP over the supervisor's Unix socket: bounded in time, repeated when no answer came or the answer was "not now".

A repetition changes nothing, because every call carries what makes it the same one the second time: an id, or a
record's epoch. Connections are kept for the next call, never shared between two calls at a time, and never taken over
by a forked child, so that any number of threads and processes may call.
"""

import http.client
import os
import random
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from .errors import FlowkeepError, Unreachable, error_of
from .exact_json import decode, encode

IDLE_CONNECTIONS_MAX = 8
IDLE_SECONDS_MAX = 3.0
"""Less than the supervisor keeps an idle connection, so that a request does not meet one it is just closing."""
ANSWER_BYTES_MAX = 256 * 1024 * 1024
ANSWER_SECONDS = 30.0
"""For an answer, beyond what the supervisor was asked to wait."""
PAUSE_SECONDS_MIN = 0.05
PAUSE_SECONDS_MAX = 5.0
RETRY_AFTER_SECONDS_MAX = 30.0

_worth_repeating = frozenset(
    (
        "dependency_unavailable",
        "schema_missing",
        "queue_full",
        "disk_full",
        "state_directory_unavailable",
        "lane_busy",
        "outcome_unknown",
    )
)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("flowkeep")
        self.path = path
        self.idle_since = 0.0

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Cancelled(Exception):
    """By `Cancellation.cancel`."""


class Cancellation:
    """Ends a call from another thread, whatever it is waiting for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()
        with self._lock:
            if self._connection is not None and self._connection.sock is not None:
                with suppress(OSError):
                    # The supervisor sees it, and takes back what it was about to hand out.
                    self._connection.sock.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        self._cancelled.wait(seconds)
        self.check()

    def watch(self, connection: _Connection | None) -> None:
        with self._lock:
            self._connection = connection
        if connection is not None:
            self.check()


class Transport:
    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        timeout: float,
        answer_seconds: float = ANSWER_SECONDS,
        cancellation: Cancellation | None = None,
    ) -> tuple[int, Any]:
        """The status below 400 and its body. Tried again for `timeout` seconds."""
        content = None if body is None else encode(body)
        cancellation = cancellation or Cancellation()
        deadline = time.monotonic() + timeout
        pause = PAUSE_SECONDS_MIN
        while True:
            try:
                return self._once(method, path, content, answer_seconds, cancellation)
            except (OSError, http.client.HTTPException) as error:
                cancellation.check()
                failure: FlowkeepError = _unreachable(self._path, error)
            except FlowkeepError as error:
                failure = error
                if failure.code not in _worth_repeating:
                    raise
            wait = _pause(failure, pause)
            if time.monotonic() + wait >= deadline:
                raise failure
            cancellation.sleep(wait)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _once(
        self, method: str, path: str, content: bytes | None, answer_seconds: float, cancellation: Cancellation
    ) -> tuple[int, Any]:
        connection = self._take()
        connection.timeout = answer_seconds
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(answer_seconds)
            cancellation.watch(connection)
            headers = {} if content is None else {"content-type": "application/json"}
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX + 1)
            cancellation.watch(None)
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(text) > ANSWER_BYTES_MAX:
            connection.close()
        else:
            self._give_back(connection)
        return _answer(response, text)

    def _take(self) -> _Connection:
        with self._lock:
            if self._pid != os.getpid():
                # A forked child: the connections are the parent's, and closing our copies leaves them open for it.
                for connection in self._idle:
                    connection.close()
                self._idle.clear()
                self._pid = os.getpid()
            while self._idle:
                connection = self._idle.pop()
                if time.monotonic() - connection.idle_since < IDLE_SECONDS_MAX:
                    return connection
                connection.close()
        return _Connection(self._path)

    def _give_back(self, connection: _Connection) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS_MAX:
                self._idle.append(connection)
                return
        connection.close()


def _answer(response: http.client.HTTPResponse, text: bytes) -> tuple[int, Any]:
    if len(text) > ANSWER_BYTES_MAX:
        raise FlowkeepError("internal", f"the answer is larger than {ANSWER_BYTES_MAX} bytes", "Ask for less at once.")
    try:
        body = decode(text) if text else None
    except ValueError as error:
        raise FlowkeepError(
            "internal", f"the answer is not JSON: {error}", "Is this the supervisor's socket?", status=response.status
        ) from error
    if response.status >= 400:
        raise error_of(response.status, body, _seconds(response.getheader("retry-after")))
    return response.status, body


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _pause(failure: FlowkeepError, pause: float) -> float:
    """Full jitter, so that many callers do not come back at one moment."""
    if failure.retry_after_seconds is not None:
        longest = min(failure.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
        return random.uniform(longest / 2, longest)
    return random.uniform(0, pause)


def _unreachable(path: str, error: Exception) -> Unreachable:
    return Unreachable(
        "supervisor_unreachable",
        f"no answer from the supervisor on {path}: {error}",
        "Is the flow started by `flowkeep run`, and is FLOWKEEP_SOCKET its socket?",
    )
