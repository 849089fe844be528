"""What the contract suite calls the http actions with: a server on this machine."""

from __future__ import annotations

from typing import Any

from opcode_core.testing import Example, Reply, Room


def examples(room: Room) -> dict[str, list[Example]]:
    """An exchange with everything, one that fails, one that never ends."""
    room.http.reply("/json", Reply(json={"n": 1}))
    room.http.reply("/bytes", Reply(body=b"\xff", headers={"Content-Type": "image/png"}))
    room.http.reply("/hop", Reply(302, headers={"Location": "/json"}))
    room.http.reply("/busy", Reply(503, {"why": "later"}))
    room.http.reply("/hang", Reply(hang=True))
    full = {
        "url": room.http.url("/json"),
        "headers": {"X-Key": "k"},
        "query": {"page": "2"},
        "auth": {"type": "bearer", "token": "t"},
    }
    common: list[dict[str, Any]] = [
        full,
        {
            "url": room.http.url("/bytes"),
            "auth": {"type": "basic", "username": "u", "password": "p"},
        },
        {"url": room.http.url("/hop")},
        {"url": room.http.url("/nowhere")},
    ]

    def with_(**more: Any) -> list[Example]:
        return [
            *(Example({**one, **more}) for one in common),
            Example(
                {"url": room.http.url("/busy"), "fail_on_error_status": True, **more},
                fails="EXECUTION_ERROR",
            ),
            Example({"url": "http://169.254.169.254/", **more}, fails="PERMISSION_DENIED"),
            Example({"url": room.http.url("/hang"), **more}, endless=True),
        ]

    return {
        "http.get": with_(),
        "http.post": with_(body={"n": [1]}),
        "http.request": [*with_(method="PUT", body="text", body_encoding="text"), *with_()],
    }
