"""One exchange: hops by hand, each judged; a deadline over all of it; errors that give nothing away."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2
from opcode_core import (
    ActionContext,
    ExecutionError,
    NonRetryableError,
    PermissionDeniedError,
    StepTimeoutError,
    ValidationError,
    format_duration,
)

from opcode_action_http.addresses import AddressRefusedError
from opcode_action_http.body import decode_body, read_body
from opcode_action_http.client import make_client

_RETRIED = (408, 425, 429)
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_WAIT = 86400.0


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        method: The method.
        url: The whole URL.
        headers: The headers, auth included.
        trusted_host: Whether loopback and private addresses may be reached: no step's output names the host.
        verify: Whether certificates are checked.
        redirects: How many redirects are followed.
        seconds: How long everything together may take.
    """

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    trusted_host: bool
    verify: bool
    redirects: int
    seconds: float


async def exchange(request: Request, context: ActionContext) -> dict[str, Any]:
    """Send a request and give the answer as the action gives it.

    Raises:
        PermissionDeniedError: An address on the way may not be reached.
        StepTimeoutError: It took too long.
        ExecutionError: No connection, too many redirects, too large a body.
        ValidationError: The URL or a header cannot be sent.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(request.seconds):
            return await _hops(request, context, began)
    except TimeoutError:
        raise StepTimeoutError(
            f"{request.method} {_place(request.url)} took longer than {format_duration(request.seconds)}"
        ) from None
    except AddressRefusedError as error:
        raise PermissionDeniedError(str(error)) from None
    except httpx2.HTTPError as error:
        text = f"{request.method} {_place(request.url)} failed: {_reason(error)}"
        raise ExecutionError(text) from None
    except (httpx2.InvalidURL, UnicodeEncodeError):
        raise ValidationError(
            f"the request to {_place(request.url)} cannot be sent as it is"
        ) from None


async def _hops(request: Request, context: ActionContext, began: float) -> dict[str, Any]:
    url, headers, private = request.url, dict(request.headers), request.trusted_host
    left = request.redirects
    while True:
        client = await _client(context, allow_private=private, verify=request.verify)
        async with client.stream(request.method, url, headers=headers) as response:
            target = _redirect(response) if request.redirects > 0 else None
            if target is None:
                return await _answer(response, began)
        if left == 0:
            raise ExecutionError(
                f"more than {request.redirects} redirects", {"limit": request.redirects}
            )
        left -= 1
        if _origin(target) != _origin(url):
            headers, private = {}, False
        url = target


async def _client(
    context: ActionContext, *, allow_private: bool, verify: bool
) -> httpx2.AsyncClient:
    return await context.shared(
        f"http.client private={allow_private} verify={verify}",
        lambda: make_client(allow_private=allow_private, verify=verify),
        httpx2.AsyncClient.aclose,
    )


def _redirect(response: httpx2.Response) -> httpx2.URL | None:
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    target = response.request.url.join(location)
    if target.scheme not in ("http", "https") or not target.host:
        raise ExecutionError("the server redirects to what is no http address")
    return target


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or ports.get(url.scheme)


async def _answer(response: httpx2.Response, began: float) -> dict[str, Any]:
    data = await read_body(response)
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    content_type = headers.get("content-type", "")
    return {
        "status_code": response.status_code,
        "status": f"{response.status_code} {_phrase(response)}".strip(),
        "headers": headers,
        "body": decode_body(data, content_type),
        "content_type": content_type,
        "duration_ms": round((time.monotonic() - began) * 1000, 3),
    }


def _phrase(response: httpx2.Response) -> str:
    try:
        return HTTPStatus(response.status_code).phrase
    except ValueError:
        return response.reason_phrase


def refuse_error_status(answer: Mapping[str, Any]) -> None:
    """Fail on a status of 400 and above, the answer in the details.

    Raises:
        NonRetryableError: The same request will be answered the same way.
        ExecutionError: Another try may help; when the server says when, that is honoured.
    """
    status = answer["status_code"]
    if status < 400:  # noqa: PLR2004 - where errors begin
        return
    message = f"the server answered {answer['status']}"
    details = dict(answer)
    if status >= 500 or status in _RETRIED:  # noqa: PLR2004 - the server's own faults
        raise ExecutionError(message, details, retry_after=_retry_after(answer["headers"]))
    raise NonRetryableError(message, details)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return min(max(0.0, moment.timestamp() - time.time()), _LONGEST_WAIT)


def _place(url: httpx2.URL) -> str:
    """A URL for people: without who logs in, what is asked, and where in the page."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}{url.path}"


def _reason(error: httpx2.HTTPError) -> str:
    names = {
        "ConnectError": "no connection",
        "ReadError": "the connection broke while it was read",
        "WriteError": "the connection broke while it was written",
        "RemoteProtocolError": "the server does not speak HTTP as it should",
        "DecodingError": "the body is not encoded as it says",
        "UnsupportedProtocol": "only http and https are spoken",
        "LocalProtocolError": "a header cannot be sent as it is",
    }
    return names.get(type(error).__name__, type(error).__name__)
