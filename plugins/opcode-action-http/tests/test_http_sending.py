"""http.request and http.post: what is sent, with which headers, and what of it follows a redirect."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest
from http_server import anyio_backend, asked, base, context, server
from opcode_action_http import addresses
from opcode_action_http.payload import encode_body
from opcode_action_http.request import get, post, request
from opcode_core import Effect, ValidationError

pytestmark = pytest.mark.anyio
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


async def send(action: Any, context: Any, url: str, **more: Any) -> Any:
    return await action.run(action.params(url=url, **more), context)


@pytest.mark.parametrize(
    ("encoding", "body", "kind", "sent"),
    [
        ("json", {"a": [1, None, "é"]}, "application/json", '{"a":[1,null,"é"]}'.encode()),
        ("json", "text", "application/json", b'"text"'),
        ("json", None, "application/json", b"null"),
        (
            "form",
            {"a": "1 2&", "b": True, "n": 2.0, "z": None, "é": "ü"},
            "application/x-www-form-urlencoded",
            b"a=1+2%26&b=true&n=2&z=&%C3%A9=%C3%BC",
        ),
        ("text", "plain é", "text/plain; charset=utf-8", "plain é".encode()),
        ("text", {"a": 1}, "text/plain; charset=utf-8", b'{"a":1}'),
        ("raw", "a,b\n", "application/octet-stream", b"a,b\n"),
        ("raw", "base64:AAEC/w==", "application/octet-stream", b"\0\1\2\xff"),
        ("raw", "base64:", "application/octet-stream", b""),
    ],
)
async def test_a_body_is_sent_as_its_encoding_says(
    context: Any, base: str, asked: Any, encoding: str, body: Any, kind: str, sent: bytes
) -> None:
    await send(post, context, f"{base}/x", body=body, body_encoding=encoding)
    await send(
        request,
        context,
        f"{base}/x",
        method="PUT",
        body=body,
        body_encoding=encoding,
        headers={"CONTENT-TYPE": "text/csv"},
    )
    assert [(one.method, one.body) for one in asked] == [("POST", sent), ("PUT", sent)]
    assert [one.headers["content-type"] for one in asked] == [kind, "text/csv"]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("form", [1]),
        ("form", "a=b"),
        ("form", {"a": [1]}),
        ("form", {"a": {"b": 1}}),
        ("raw", {"a": 1}),
        ("raw", 1),
        ("raw", "base64:%%%"),
        ("raw", "base64:AA"),
    ],
)
async def test_a_body_that_its_encoding_cannot_hold_is_refused(
    context: Any, base: str, asked: Any, encoding: Any, body: Any
) -> None:
    with pytest.raises(ValidationError):
        await send(post, context, f"{base}/x", body=body, body_encoding=encoding)
    with pytest.raises(ValidationError):
        encode_body(body, encoding)
    assert asked == []


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_sent(context: Any, base: str, asked: Any, method: str) -> None:
    found = await send(request, context, f"{base}/json", method=method)
    assert found.status_code == 200
    assert (found.body is None) == (method == "HEAD")
    assert (asked[0].method, asked[0].body) == (method, b"")
    assert "content-type" not in asked[0].headers


@pytest.mark.parametrize("method", METHODS)
async def test_effects_are_what_the_table_says(method: str) -> None:
    params = request.params.model_validate({"url": "http://x/", "method": method})
    unsafe = method in ("POST", "PATCH")
    assert request.effect_of(params) is (Effect.UNSAFE if unsafe else Effect.IDEMPOTENT)
    assert (get.effect, post.effect) == (Effect.IDEMPOTENT, Effect.UNSAFE)


@pytest.mark.parametrize(
    ("action", "more"),
    [
        (get, {"body": {}}),
        (get, {"body_encoding": "json"}),
        (get, {"method": "POST"}),
        (post, {"method": "PUT"}),
        (request, {"method": "CONNECT"}),
        (request, {"method": "GET\r\nX: y"}),
        (request, {"body_encoding": "xml"}),
        (post, {"auth": {"type": "digest"}}),
        (post, {"auth": {"type": "bearer"}}),
        (post, {"headers": ["a"]}),
        (post, {"query": {"a": 1}}),
        (post, {"timeout": "5"}),
        (post, {"max_redirects": -1}),
    ],
)
async def test_parameters_that_are_none_are_refused(action: Any, more: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        action.params(url="http://x/", **more)


async def test_a_post_that_is_retried_carries_a_key_unless_the_caller_sets_one(
    context: Any, base: str, asked: Any
) -> None:
    await send(post, context, f"{base}/x", body=1)
    context.retried = True
    await send(post, context, f"{base}/x", body=1)
    await send(request, context, f"{base}/x", method="POST")
    await send(post, context, f"{base}/x", headers={"IDEMPOTENCY-KEY": "order-17"})
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        await send(request, context, f"{base}/x", method=method)
    keys = [one.headers.get("idempotency-key") for one in asked]
    assert keys == [None, *[context.idempotency_key] * 2, "order-17", *[None] * 4]


async def test_auth_wins_over_a_header_and_over_the_url(
    context: Any, base: str, asked: Any
) -> None:
    url = base.replace("//", "//us%20er:p%40w@") + "/x"
    await send(post, context, url)
    await send(post, context, url, headers={"AUTHORIZATION": "mine"})
    bearer = {"type": "bearer", "token": "t"}
    await send(post, context, url, headers={"Authorization": "mine"}, auth=bearer)
    sent = [one.headers["authorization"] for one in asked]
    assert sent == ["Basic dXMgZXI6cEB3", "mine", "Bearer t"]


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "1"}, {"transfer-encoding": "chunked"}, {"X": "ć"}, {"X": "\x1b"}],
)
async def test_headers_that_would_break_the_request_are_refused(
    context: Any, base: str, asked: Any, headers: dict[str, str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        await send(post, context, f"{base}/x", body="a", headers=headers)
    assert next(iter(headers)).lower() in caught.value.message
    assert next(iter(headers.values())) not in json.dumps(
        caught.value.to_json(), ensure_ascii=False
    )
    assert asked == []


REDIRECTED = [
    *((status, "POST", "GET") for status in (301, 302, 303)),
    *((status, "POST", "POST") for status in (307, 308)),
    *((status, "PUT", "PUT") for status in (301, 302, 307, 308)),
    (303, "PUT", "GET"),
    (303, "DELETE", "GET"),
    (303, "HEAD", "HEAD"),
    (302, "HEAD", "HEAD"),
]


@pytest.mark.parametrize(("status", "method", "then"), REDIRECTED)
async def test_redirects_change_the_method_as_in_a_browser(
    context: Any, base: str, asked: Any, status: int, method: str, then: str
) -> None:
    body = {} if method == "HEAD" else {"body": {"a": 1}}
    headers = {"X-Mine": "kept", "Authorization": "mine"}
    url, context.retried = f"{base}/{status}", True
    found = await send(request, context, url, method=method, headers=headers, **body)
    assert found.status_code == 200
    first, last = asked
    assert (first.method, last.method, last.path) == (method, then, "/json")
    assert (last.headers["x-mine"], last.headers["authorization"]) == ("kept", "mine")
    if then == method:
        assert last.body == first.body
        assert last.headers.get("content-type") == first.headers.get("content-type")
        assert last.headers.get("idempotency-key") == first.headers.get("idempotency-key")
    else:
        assert (last.body, "content-type" in last.headers) == (b"", False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_another_origin_gets_nothing_of_the_callers(
    context: Any, base: str, asked: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "judge", lambda _: "public")
    context.retried = True
    found = await send(
        post,
        context,
        f"{base}/{status}-away",
        body={"card": "4111"},
        headers={"X-Api-Key": "k", "Cookie": "c"},
        auth={"type": "bearer", "token": "t"},
    )
    assert found.status_code == 200
    first, last = asked
    assert first.body == b'{"card":"4111"}'
    assert last.headers["host"].startswith("localhost")
    assert last.body == b""
    given = {"x-api-key", "cookie", "authorization", "content-type", "idempotency-key"}
    assert given <= set(first.headers)
    assert not given & set(last.headers)


async def test_a_redirect_brings_no_login_of_its_own(context: Any, base: str, asked: Any) -> None:
    await send(get, context, f"{base}/login", headers={"Authorization": "mine"})
    await send(get, context, f"{base}/login")
    sent = [one.headers.get("authorization") for one in asked]
    assert sent == ["mine", "mine", None, None]


async def test_cookies_are_kept_for_nobody(context: Any, base: str, asked: Any) -> None:
    found = await send(get, context, f"{base}/cookie")
    assert found.headers["set-cookie"].startswith("session=theirs")
    await send(get, context, f"{base}/json")
    assert "cookie" not in asked[1].headers


async def test_an_answer_that_says_nothing_or_much_is_an_answer(context: Any, base: str) -> None:
    assert (await send(get, context, f"{base}/zipped-nothing")).body is None
    assert (await send(request, context, f"{base}/bomb", method="HEAD")).body is None
    assert len((await send(get, context, f"{base}/big")).body) == 50_001
