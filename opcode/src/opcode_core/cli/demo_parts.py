"""What the demo works on: files of this repository, a small HTTP service on loopback, a template."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

FILES = ("README.md", "pyproject.toml", "LICENSE")
_PEOPLE = {
    "/reviewers/docs": {"team": "docs", "people": ["Ada", "Grace"], "needs": 1},
    "/reviewers/build": {"team": "build", "people": ["Ken", "Barbara", "Edsger"], "needs": 2},
}


class ReviewService:
    """A small HTTP service on loopback that knows who reviews what."""

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> ReviewService:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece

    def do_GET(self) -> None:
        found = _PEOPLE.get(self.path)
        body = json.dumps(found or {"error": "nobody reviews that"}).encode("utf-8")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def find_folder() -> Path:
    """The checkout we stand in, or this package's own folder."""
    here = Path.cwd()
    return here if all((here / name).is_file() for name in FILES) else Path(__file__).parent


def files_in(folder: Path) -> list[str]:
    """Two files to work on: the repository's own, or modules of this package."""
    found = [name for name in FILES if (folder / name).is_file()]
    return found[:2] if len(found) > 1 else ["demo.py", "text.py"]


def template(*, with_shell: bool) -> dict[str, Any]:
    """The definition: read a file and ask who reviews it side by side, digest and check, then report."""
    steps: list[dict[str, Any]] = [
        {"id": "read", "action": "fs.read", "params": {"path": "${{inputs.file}}"}},
        {
            "id": "reviewers",
            "action": "http.get",
            "params": {
                "url": "${{inputs.service}}/reviewers/${{inputs.team}}",
                "fail_on_error_status": True,
            },
            "retry": {"max": 2, "backoff": "exponential", "delay": "100ms"},
        },
        {"id": "ticket", "action": "crypto.uuid"},
        {
            "id": "digest",
            "action": "crypto.hash",
            "depends_on": ["read"],
            "params": {"data": "${{steps.read.content}}"},
        },
        {
            "id": "enough",
            "action": "assert.schema",
            "depends_on": ["reviewers"],
            "params": {
                "data": "${{steps.reviewers.output.body}}",
                "schema": {
                    "type": "object",
                    "properties": {"people": {"type": "array", "minItems": 2}},
                },
            },
        },
        {
            "id": "large",
            "action": "workflow.emit",
            "depends_on": ["read"],
            "condition": "steps.read.output.size > 3000",
            "params": {
                "event_type": "file.large",
                "payload": {"bytes": "${{steps.read.output.size}}"},
            },
        },
    ]
    if with_shell:
        steps.append(
            {
                "id": "words",
                "action": "shell.exec",
                "depends_on": ["read"],
                "params": {
                    "command": "wc",
                    "args": ["-w"],
                    "stdin": "${{steps.read.output.content}}",
                },
            }
        )
    last = [step["id"] for step in steps if step["id"] not in ("read", "reviewers")]
    steps.append(
        {
            "id": "report",
            "action": "workflow.log",
            "depends_on": last,
            "params": {
                "message": "${{inputs.file}} goes to ${{ steps.reviewers.output.body.people[0] }}"
            },
        }
    )
    output: dict[str, Any] = {
        "file": "${{inputs.file}}",
        "sha256": "${{steps.digest.output.hash}}",
        "reviewer": "${{ steps.reviewers.output.body.people[0] }}",
        "reviewers_needed": "${{ steps.reviewers.output.body.needs }}",
        "ticket": "${{steps.ticket.output.uuid}}",
        "large": "${{ steps.large.status == 'completed' }}",
    }
    if with_shell:
        output["words"] = "${{steps.words.output.stdout}}"
    return {"inputs": {"team": "docs"}, "steps": steps, "output": output}


INPUT_SCHEMA = {
    "type": "object",
    "required": ["file", "service"],
    "properties": {
        "file": {"type": "string"},
        "team": {"enum": ["docs", "build"]},
        "service": {"type": "string"},
    },
    "additionalProperties": False,
}

BROKEN = {
    "steps": [
        {"id": "fetch", "action": "http.gte", "params": {"url": "https://example.com/"}},
        {
            "id": "digest",
            "action": "crypto.hash",
            "params": {"data": "${{steps.fetch.output.body}}", "algoritm": "md5"},
        },
    ]
}
"""A definition with mistakes, to show what is said about them."""
