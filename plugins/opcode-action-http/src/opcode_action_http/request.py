"""`http.request`, `http.get` and `http.post`: from parameters to an exchange."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from opcode_core import ActionContext, Effect, ValidationError, action, parse_duration

from opcode_action_http.headers import basic_auth, request_headers
from opcode_action_http.parameters import (
    GetParams,
    PostParams,
    RequestParams,
    Response,
)
from opcode_action_http.payload import encode_body

if TYPE_CHECKING:
    import httpx2

_AUTHORITY_END = re.compile(r"[/?#\\]")
_UNSAFE = ("POST", "PATCH")
_SECRETS = ("url", "headers", "query", "auth")


@action("http.get", effect=Effect.IDEMPOTENT, secrets=_SECRETS, touches={"url": "host"})
async def get(params: GetParams, context: ActionContext) -> Response:
    """Ask for a resource.

    A status of 400 and above is an answer like any other unless `fail_on_error_status` says otherwise. Link-local and
    cloud metadata addresses are refused, loopback and private ones when a step's output or a redirect names the host.
    """
    return await _send("GET", params, context)


@action("http.post", effect=Effect.UNSAFE, secrets=(*_SECRETS, "body"), touches={"url": "host"})
async def post(params: PostParams, context: ActionContext) -> Response:
    """Send something to a resource.

    As `http.get`, with a body. When the step is retried, the request carries an `Idempotency-Key` that is the same over
    all attempts, unless the caller sets one.
    """
    return await _send("POST", params, context)


def _effect(params: RequestParams) -> Effect:
    return Effect.UNSAFE if params.method in _UNSAFE else Effect.IDEMPOTENT


@action("http.request", effect=_effect, secrets=(*_SECRETS, "body"), touches={"url": "host"})
async def request(params: RequestParams, context: ActionContext) -> Response:
    """Send a request with any method.

    As `http.get`, with a method and a body. POST and PATCH are unsafe to repeat, the others are not.
    """
    return await _send(params.method, params, context)


async def _send(method: str, params: GetParams, context: ActionContext) -> Response:
    from opcode_action_http.exchange import Request, exchange
    from opcode_action_http.failures import refuse_error_status
    from opcode_action_http.redirects import Hop

    url, login = _url(params)
    headers = request_headers(params)
    if login is not None:
        headers.setdefault("authorization", login)
    content = None
    if isinstance(params, PostParams) and params.has_body:
        content, kind = await asyncio.to_thread(encode_body, params.body, params.body_encoding)
        headers.setdefault("content-type", kind)
    if method == "POST" and context.retried:
        headers.setdefault("idempotency-key", context.idempotency_key)
    first = Hop(method, url, headers, content, trusted_host=not _host_is_from_a_step(context))
    answer = await exchange(
        Request(
            first=first,
            verify=not params.tls_skip_verify,
            redirects=params.max_redirects if params.follow_redirects else 0,
            seconds=parse_duration(params.timeout),
        ),
        context,
    )
    if params.fail_on_error_status:
        refuse_error_status(answer)
    return Response(**answer)


def _url(params: GetParams) -> tuple[httpx2.URL, str | None]:
    """The URL to ask, without who logs in, and the header that logs in as the URL says."""
    import httpx2

    try:
        url = httpx2.URL(params.url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValidationError("`url` must be absolute and begin with http:// or https://")
        login = None
        if url.userinfo:
            login = basic_auth(url.username, url.password)
            url = url.copy_with(username=None, password=None)
        return (url.copy_merge_params(params.query) if params.query else url), login
    except httpx2.InvalidURL:
        raise ValidationError("`url` is no URL") from None


def _host_is_from_a_step(context: ActionContext) -> bool:
    """Whether a step's output wrote into the URL before the end of its authority."""
    before = ""
    for segment in context.provenance.segments("url"):
        _, found, rest = before.partition("://")
        if found and _AUTHORITY_END.search(rest):
            return False
        if "steps" in segment.sources:
            return True
        before += segment.text
    return False
