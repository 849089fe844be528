"""An HTTP server on this machine that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_LONGEST_WAIT = 60.0
_BODY_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as the server got it.

    Attributes:
        method: Such as `GET`.
        path: Without the query.
        query: The query's parameters; of several of one name the last.
        headers: Names in lower case.
        body: The bytes; empty for none.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers.

    Attributes:
        status: The status code.
        json: The body as JSON; not sent when `body` is given.
        body: The body as it is; None for the JSON.
        headers: Headers beside Content-Length and, for JSON, Content-Type.
        hang: Whether no answer comes until the server is closed: for timeouts and cancellation.
    """

    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


class RecordedHttp:
    """The server; a context manager.

        with RecordedHttp() as http:
            http.reply("/cats", Reply(json=["tom"]))
            ...
            assert http.requests[0].headers["accept"] == "*/*"

    What no reply was given for answers 404.
    """

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.asked = threading.Event()
        """Set when the first request has come."""
        self._replies: dict[str, list[Reply]] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="recorded-http", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_LONGEST_WAIT)

    def url(self, path: str = "/") -> str:
        """The address of a path on this server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def reply(self, path: str, *replies: Reply) -> None:
        """Say what a path answers.

        Args:
            path: Without a query.
            replies: One after the other; the last one for ever.
        """
        with self._lock:
            self._replies[path] = list(replies)

    def answer(self, request: RecordedRequest) -> Reply:
        """Remember a request and give the reply to it."""
        with self._lock:
            self.requests.append(request)
            replies = self._replies.get(request.path) or [Reply(404, {"error": "no such page"})]
            reply = replies[0]
            if len(replies) > 1:
                del replies[0]
        self.asked.set()
        if reply.hang:
            self._closing.wait(_LONGEST_WAIT)
        return reply


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _handler(http_: RecordedHttp) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            """What was asked is remembered, not written."""

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            length = min(int(self.headers.get("content-length") or 0), _BODY_LIMIT)
            parts = urlsplit(self.path)
            reply = http_.answer(
                RecordedRequest(
                    method=self.command,
                    path=parts.path,
                    query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=self.rfile.read(length),
                )
            )
            if not reply.hang:
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            body = reply.body
            headers = {"Connection": "close", **reply.headers}
            if body is None:
                body = json.dumps(reply.json).encode()
                headers.setdefault("Content-Type", "application/json")
            self.send_response(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
