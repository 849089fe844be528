"""`http.get`: its parameters, and what becomes of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from opcode_core import (
    ActionContext,
    Effect,
    Output,
    Params,
    ValidationError,
    action,
    parse_duration,
)
from pydantic import Field, field_validator

_AUTHORITY_END = re.compile(r"[/?#\\]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Bearer(Params):
    """A bearer token."""

    type: Literal["bearer"]
    token: str


class Basic(Params):
    """A name and a password."""

    type: Literal["basic"]
    username: str
    password: str


class ApiKey(Params):
    """A key in a header."""

    type: Literal["api_key"]
    header_name: str
    header_value: str


Auth = Annotated[Bearer | Basic | ApiKey, Field(discriminator="type")]


class GetParams(Params):
    """What to ask for."""

    url: str = Field(description="http or https, absolute.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers to send.")
    query: dict[str, str] = Field(
        default_factory=dict, description="Added to the query of the URL."
    )
    auth: Auth | None = Field(
        None, description="How to log in; wins over a header of the same name."
    )
    timeout: str = Field(default="30s", description="For the whole exchange, body included.")
    follow_redirects: bool = Field(default=True, description="Whether redirects are followed.")
    max_redirects: int = Field(default=10, ge=0, le=50, description="How many are; 0 for none.")
    tls_skip_verify: bool = Field(
        default=False, description="Do not check the server's certificate."
    )
    fail_on_error_status: bool = Field(
        default=False, description="Fail on a status of 400 and above."
    )

    @field_validator("timeout")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        parse_duration(value)
        return value


class Response(Output):
    """The answer."""

    status_code: int
    status: str = Field(description="Such as `404 Not Found`.")
    headers: dict[str, str] = Field(
        description="Names in lower case, several values joined by `, `."
    )
    body: Any = Field(description="JSON parsed, text, {base64} for other bytes, null when empty.")
    content_type: str
    duration_ms: float


@action(
    "http.get",
    effect=Effect.IDEMPOTENT,
    secrets=("url", "headers", "query", "auth"),
    touches={"url": "host"},
)
async def get(params: GetParams, context: ActionContext) -> Response:
    """Ask for a resource.

    A status of 400 and above is an answer like any other unless `fail_on_error_status` says otherwise. Link-local and
    cloud metadata addresses are refused, loopback and private ones when a step's output or a redirect names the host.
    """
    import httpx2

    from opcode_action_http.exchange import Request, exchange, refuse_error_status

    try:
        url = httpx2.URL(params.url)
    except httpx2.InvalidURL:
        raise ValidationError("`url` is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValidationError("`url` must be absolute and begin with http:// or https://")
    if params.query:
        url = url.copy_merge_params(params.query)
    request = Request(
        method="GET",
        url=url,
        headers=_headers(params),
        trusted_host=not _host_is_from_a_step(context),
        verify=not params.tls_skip_verify,
        redirects=params.max_redirects if params.follow_redirects else 0,
        seconds=parse_duration(params.timeout),
    )
    answer = await exchange(request, context)
    if params.fail_on_error_status:
        refuse_error_status(answer)
    return Response(**answer)


def _headers(params: GetParams) -> Mapping[str, str]:
    headers = {name.lower(): value for name, value in params.headers.items()}
    auth = params.auth
    if isinstance(auth, Bearer):
        headers["authorization"] = f"Bearer {auth.token}"
    elif isinstance(auth, Basic):
        pair = f"{auth.username}:{auth.password}".encode()
        headers["authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
    elif isinstance(auth, ApiKey):
        headers[auth.header_name.lower()] = auth.header_value
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or any(character in value for character in "\r\n\0"):
            raise ValidationError(f"the header {name[:100]!r} cannot be sent as it is")
    return headers


def _host_is_from_a_step(context: ActionContext) -> bool:
    """Whether a step's output wrote into the URL before the end of its authority."""
    before = ""
    for segment in context.provenance.segments("url"):
        _, found, rest = before.partition("://")
        if found and _AUTHORITY_END.search(rest):
            return False
        if "steps" in segment.sources or "loop" in segment.sources:
            return True
        before += segment.text
    return False
