"""A supervisor for tests: it answers on a Unix socket what it is told to, and remembers what it was asked."""

import json
import os
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

LEASE = "2026-01-01T00:00:30.000+00:00"


@dataclass
class Request:
    path: str
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    gone: bool = False
    """The connection is closed without an answer."""
    after: threading.Event | None = None
    """Answered only then."""


def error(status: int, code: str, **fields: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": "a message", "hint": "a hint", **fields}})


def record(number: int, **fields: Any) -> dict[str, Any]:
    fixed = {"key": None, "payload": {"n": number}, "attempt": 1, "epoch": 1, "leaseExpiresAt": LEASE}
    return {"id": str(number), **fixed, **fields}


class Supervisor:
    """Answers from `script` in order; when that is empty, by `otherwise`."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.path = str(Path(self._directory.name) / "control.sock")
        self.script: deque[Answer] = deque()
        self.otherwise: Callable[[Request], Answer] = lambda request: Answer(200, {"state": "applied"})
        self.requests: list[Request] = []
        self.connections = 0
        self.asked = threading.Condition()
        self._server: ThreadingUnixStreamServer | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    def start(self) -> None:
        supervisor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                supervisor.connections += 1
                supervisor._open.add(self.connection)

            def finish(self) -> None:
                supervisor._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                answer = supervisor._answer(Request(self.path, text))
                if answer.after is not None:
                    answer.after.wait(10)
                if answer.gone:
                    self.close_connection = True
                    return
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_PUT = do_DELETE = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        if os.path.exists(self.path):
            os.unlink(self.path)
        self._server = Server(self.path, Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            connection.close()
        self._server = None

    def close(self) -> None:
        self.stop()
        self._directory.cleanup()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def wait_for_requests(self, count: int) -> None:
        with self.asked:
            if not self.asked.wait_for(lambda: len(self.requests) >= count, 10):
                raise AssertionError(f"{len(self.requests)} requests, not {count}: {self.paths()}")

    def _answer(self, request: Request) -> Answer:
        with self.asked:
            self.requests.append(request)
            self.asked.notify_all()
            return self.script.popleft() if self.script else self.otherwise(request)
