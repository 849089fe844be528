"""http.get: what comes back, where it may go, and what its errors give away."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import json
from typing import Any

import pytest
from http_server import anyio_backend, asked, base, context, server
from opcode_action_http.addresses import judge
from opcode_action_http.body import decode_body
from opcode_action_http.parameters import GetParams
from opcode_action_http.request import get
from opcode_core import (
    ExecutionError,
    NonRetryableError,
    PermissionDeniedError,
    Segment,
    StepTimeoutError,
    ValidationError,
)

pytestmark = pytest.mark.anyio


async def ask(context: Any, url: str, **more: Any) -> Any:
    return await get.run(GetParams(url=url, **more), context)


async def test_an_answer_has_status_headers_and_the_parsed_body(
    context: Any, asked: Any, base: str
) -> None:
    found = await ask(context, f"{base}/json?a=1", query={"b": "x y&z"})
    assert (found.status_code, found.status, found.body) == (200, "200 OK", {"n": 9007199254740993})
    assert found.headers["x-two"] == "a, b"
    assert asked[0][0] in ("/json?a=1&b=x+y%26z", "/json?a=1&b=x%20y%26z")


@pytest.mark.parametrize(
    ("path", "body"), [("/latin", "café"), ("/bytes", {"base64": "AP8="}), ("/none", None)]
)
async def test_bodies_are_text_bytes_or_nothing(
    context: Any, base: str, path: str, body: Any
) -> None:
    assert (await ask(context, base + path)).body == body


@pytest.mark.parametrize(
    ("data", "kind", "value"),
    [
        (b"{", "application/json", "{"),
        (b'{"n": 99999999999999999999}', "application/problem+json", {"n": "99999999999999999999"}),
        (b'{"n": NaN}', "application/json", '{"n": NaN}'),
        (b'"\\ud800"', "application/json", '"\\ud800"'),
        (b"[" * 500, "application/json", "[" * 500),
        (b"x", "text/plain; charset=rot13", "x"),
        (b"\xff", "text/plain; charset=nonsense", "\ufffd"),
        (b"x", "", "x"),
        (b"\xff", "", {"base64": "/w=="}),
    ],
)
async def test_a_body_that_is_not_what_it_says_is_text(data: bytes, kind: str, value: Any) -> None:
    assert decode_body(data, kind) == value


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"type": "bearer", "token": "t"}, "authorization", "Bearer t"),
        ({"type": "basic", "username": "u", "password": "p:w"}, "authorization", "Basic dTpwOnc="),
        ({"type": "api_key", "header_name": "X-Key", "header_value": "k"}, "x-key", "k"),
    ],
)
async def test_auth_becomes_a_header(
    context: Any, asked: Any, base: str, auth: Any, name: str, value: str
) -> None:
    await ask(context, f"{base}/json", auth=auth, headers={"Authorization": "mine"})
    assert asked[0][1][name] == value


async def test_an_error_status_fails_when_told(context: Any, base: str) -> None:
    assert (await ask(context, f"{base}/missing")).status == "404 Not Found"
    with pytest.raises(NonRetryableError) as caught:
        await ask(context, f"{base}/missing", fail_on_error_status=True)
    assert caught.value.details is not None
    assert caught.value.details["body"] == {"why": "moved"}
    with pytest.raises(ExecutionError) as busy:
        await ask(context, f"{base}/busy", fail_on_error_status=True)
    assert busy.value.retry_after == 7
    with pytest.raises(ExecutionError) as later:
        await ask(context, f"{base}/later", fail_on_error_status=True)
    assert later.value.retry_after is not None
    assert 50 < later.value.retry_after <= 60


@pytest.mark.parametrize("path", ["/hop", "/same"])
async def test_redirects_on_the_same_server_keep_the_headers(
    context: Any, asked: Any, base: str, path: str
) -> None:
    assert (await ask(context, base + path, headers={"X-Mine": "kept"})).status_code == 200
    assert asked[1][1]["x-mine"] == "kept"


async def test_a_redirect_to_another_origin_reaches_nothing_private(
    context: Any, asked: Any, base: str
) -> None:
    with pytest.raises(PermissionDeniedError):
        await ask(context, f"{base}/away", headers={"X-Api-Key": "k"})
    assert len(asked) == 1


async def test_redirects_are_counted_and_go_nowhere_else(
    context: Any, asked: Any, base: str
) -> None:
    with pytest.raises(ExecutionError):
        await ask(context, f"{base}/round", max_redirects=3)
    assert len(asked) == 4
    assert (await ask(context, f"{base}/hop", max_redirects=0)).status_code == 302
    assert (await ask(context, f"{base}/hop", follow_redirects=False)).status_code == 302
    with pytest.raises(ExecutionError):
        await ask(context, f"{base}/odd")


async def test_the_timeout_covers_a_body_that_drips(context: Any, base: str) -> None:
    with pytest.raises(StepTimeoutError):
        await ask(context, f"{base}/drip", timeout="300ms")


async def test_a_body_is_refused_by_its_decoded_size(context: Any, base: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        await ask(context, f"{base}/bomb")
    assert caught.value.details == {"limit": 10 << 20}


NEVER = ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254"]
NEVER += ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1%eth0"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "100.64.0.1",
]
PRIVATE += ["fc00::1", "224.0.0.1"]


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        *((one, "never") for one in NEVER),
        *((one, "private") for one in PRIVATE),
        ("93.184.216.34", "public"),
    ],
)
async def test_addresses_are_judged_by_what_they_carry(address: str, verdict: str) -> None:
    assert judge(address) == verdict


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fe80::1]"]
)
async def test_metadata_is_refused_however_it_is_written(context: Any, host: str) -> None:
    with pytest.raises(PermissionDeniedError):
        await ask(context, f"http://{host}/latest", timeout="2s")


async def test_a_host_from_a_step_reaches_nothing_private(
    context: Any, asked: Any, base: str
) -> None:
    steps, own = frozenset({"steps"}), frozenset[str]()
    for segments in (
        (Segment(base, steps),),
        (Segment("http://", own), Segment("x@127.0.0.1", steps)),
    ):
        context.segments_of_url = segments
        with pytest.raises(PermissionDeniedError):
            await ask(context, f"{base}/json")
    assert asked == []
    context.segments_of_url = (Segment(f"{base}/", own), Segment("json", steps))
    assert (await ask(context, f"{base}/json")).status_code == 200


async def test_errors_give_nothing_away(context: Any) -> None:
    with pytest.raises(ExecutionError) as caught:
        await ask(
            context,
            "http://user:PASSWORD@127.0.0.1:1/path?token=TOKEN",
            headers={"X-Key": "HEADER"},
        )
    text = json.dumps(caught.value.to_json())
    assert "127.0.0.1:1/path" in text
    for secret in ("PASSWORD", "TOKEN", "HEADER", "user"):
        assert secret not in text


@pytest.mark.parametrize(
    "more",
    [
        {"url": "file:///etc/passwd"},
        {"url": "/relative"},
        {"url": "http://"},
        {"url": "http://127.0.0.1/", "headers": {"X": "a\r\nY: b"}},
        {"url": "http://127.0.0.1/", "headers": {"a b": "x"}},
    ],
)
async def test_what_cannot_be_sent_is_refused(context: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await ask(context, **more)
