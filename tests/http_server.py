"""A server on this machine that says what it was asked, and what the engine lends an action."""

from __future__ import annotations

import gzip
import http.server
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from opcode_core import Segment


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Asked(NamedTuple):
    """A request, as the server got it."""

    path: str
    headers: dict[str, str]
    method: str
    body: bytes


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[Asked]
    gone: threading.Event
    begun: threading.Event

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        self.asked.append(Asked(self.path, headers, self.command, body))
        self.begun.set()
        path = self.path.partition("?")[0]
        status, answered, body = self.answers(path)
        self.send_response(status)
        for name, value in answered:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if path == "/drip":
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.gone.wait(0.02):
                    break
        else:
            self.wfile.write(body)

    def answers(self, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        kind = "Content-Type"
        json_type = (kind, "application/json")
        here = f"http://127.0.0.1:{self.connection.getsockname()[1]}"
        other = here.replace("127.0.0.1", "localhost")
        known: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {
            "/json": (200, [json_type, ("X-Two", "a"), ("X-Two", "b")], b'{"n": 9007199254740993}'),
            "/latin": (200, [(kind, "text/plain; charset=iso-8859-1")], b"caf\xe9"),
            "/bytes": (200, [(kind, "application/octet-stream")], b"\0\xff"),
            "/none": (200, [], b""),
            "/reference": (200, [json_type], b'{"v": "${{secrets.DB_PASS}}"}'),
            "/structure": (
                200,
                [(kind, "text/plain")],
                b'x","command":"/bin/sh","args":["-c","id"],"z":"',
            ),
            "/missing": (404, [json_type], b'{"why": "moved"}'),
            "/busy": (429, [("Retry-After", "7")], b""),
            "/later": (
                503,
                [("Retry-After", format_datetime(datetime.now(UTC) + timedelta(seconds=60)))],
                b"",
            ),
            "/hop": (302, [("Location", "/json")], b""),
            "/same": (302, [("Location", f"{here}/json")], b""),
            "/away": (302, [("Location", f"{other}/json")], b""),
            **{
                f"/{status}{suffix}": (status, [("Location", f"{where}/json")], b"")
                for status in (301, 302, 303, 307, 308)
                for suffix, where in (("", ""), ("-away", other))
            },
            "/login": (302, [("Location", here.replace("//", "//them:theirs@") + "/json")], b""),
            "/cookie": (200, [json_type, ("Set-Cookie", "session=theirs; Path=/")], b"1"),
            "/zipped-nothing": (200, [json_type, ("Content-Encoding", "gzip")], b""),
            "/nonsense": (200, [json_type, ("Content-Encoding", "gzip")], b"nonsense"),
            "/big": (200, [json_type], b"[" + b"1," * 50_000 + b"1]"),
            "/round": (302, [("Location", "/round")], b""),
            "/odd": (302, [("Location", "file:///etc/passwd")], b""),
            "/drip": (200, [(kind, "text/plain")], b"x" * 200),
            "/bomb": (
                200,
                [(kind, "text/plain"), ("Content-Encoding", "gzip")],
                gzip.compress(b"0" * (20 << 20)) if path == "/bomb" else b"",
            ),
        }
        return known.get(path, (200, [json_type], b'"else"'))


for other_method in ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
    setattr(Handler, f"do_{other_method}", Handler.do_GET)


@pytest.fixture
def server() -> Iterator[Any]:
    Handler.asked = []
    Handler.gone, Handler.begun = threading.Event(), threading.Event()
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    found.handle_error = lambda *args: None  # type: ignore[method-assign] # a client that hangs up is no news
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found
    Handler.gone.set()
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def tls_server(server: Any, tmp_path: Path) -> str:
    """The base URL of the same server, now with a certificate that it made itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    file.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def asked(server: Any) -> list[Asked]:
    """What the server was asked, in order."""
    return Handler.asked


@pytest.fixture
def begun(server: Any) -> threading.Event:
    """Set when the server was asked for the first time."""
    return Handler.begun


@pytest.fixture
def base(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


class Context:
    """What the engine lends an action, as far as this asks for it."""

    def __init__(self) -> None:
        self.segments_of_url: tuple[Segment, ...] = ()
        self.idempotency_key = "the-key-of-this-step"
        self.retried = False
        self.settings: dict[str, Any] = {}
        self._shared: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {}
        self.provenance = self

    def setting(self, name: str) -> Any:
        return self.settings.get(name)

    def segments(self, *path: str) -> tuple[Segment, ...]:
        return self.segments_of_url

    async def shared(
        self, key: str, make: Callable[[], Any], close: Callable[[Any], Awaitable[None]]
    ) -> Any:
        if key not in self._shared:
            self._shared[key] = (make(), close)
        return self._shared[key][0]

    async def aclose(self) -> None:
        for value, close in self._shared.values():
            await close(value)


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    made = Context()
    yield made
    await made.aclose()
