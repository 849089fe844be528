"""One exchange: hops by hand, each judged; a deadline over all of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2
from opcode_core import (
    ActionContext,
    ExecutionError,
    PermissionDeniedError,
    StepTimeoutError,
    ValidationError,
    format_duration,
)

from opcode_action_http.addresses import AddressRefusedError
from opcode_action_http.body import decode_body, read_body
from opcode_action_http.client import Client
from opcode_action_http.failures import public_url, reason
from opcode_action_http.policy import refuse_host, refuse_unverified
from opcode_action_http.redirects import Hop, next_hop, redirect_target

_SMALL = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, and how far to go for an answer.

    Attributes:
        first: What is sent first.
        verify: Whether certificates are checked.
        redirects: How many redirects are followed.
        seconds: How long everything together may take.
    """

    first: Hop
    verify: bool
    redirects: int
    seconds: float


async def exchange(request: Request, context: ActionContext) -> dict[str, Any]:
    """Send a request and give the answer as the action gives it.

    Raises:
        PermissionDeniedError: An address on the way may not be reached, or a setting forbids it.
        StepTimeoutError: It took too long.
        ExecutionError: No connection, too many redirects, too large a body.
        ValidationError: The URL or a header cannot be sent.
    """
    began = time.monotonic()
    what = f"{request.first.method} {public_url(request.first.url)}"
    try:
        async with asyncio.timeout(request.seconds):
            return await _hops(request, context, began)
    except TimeoutError:
        raise StepTimeoutError(
            f"{what} took longer than {format_duration(request.seconds)}"
        ) from None
    except AddressRefusedError as error:
        raise PermissionDeniedError(str(error)) from None
    except httpx2.HTTPError as error:
        raise ExecutionError(f"{what} failed: {reason(error)}") from None
    except (httpx2.InvalidURL, UnicodeEncodeError):
        raise ValidationError(f"{what} cannot be sent as it is") from None


async def _hops(request: Request, context: ActionContext, began: float) -> dict[str, Any]:
    hop, left = request.first, request.redirects
    if not request.verify:
        refuse_unverified(context)
    while True:
        refuse_host(hop.url, context)
        client = await _client(context, allow_private=hop.trusted_host, verify=request.verify)
        async with client.send(hop.method, hop.url, hop.headers, hop.content) as response:
            target = redirect_target(hop, response) if request.redirects > 0 else None
            if target is None:
                return await _answer(response, began)
        if left == 0:
            raise ExecutionError(
                f"more than {request.redirects} redirects", {"limit": request.redirects}
            )
        left -= 1
        hop = next_hop(hop, response.status_code, target)


async def _client(context: ActionContext, *, allow_private: bool, verify: bool) -> Client:
    return await context.shared(
        f"http.client private={allow_private} verify={verify}",
        lambda: Client(
            allow_private=allow_private,
            verify=verify,
            ranges=context.setting("http.private_ranges"),
        ),
        Client.aclose,
    )


async def _answer(response: httpx2.Response, began: float) -> dict[str, Any]:
    data = await read_body(response)
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    content_type = headers.get("content-type", "")
    if len(data) <= _SMALL:
        body = decode_body(data, content_type)
    else:  # a large one takes long enough to keep others waiting
        body = await asyncio.to_thread(decode_body, data, content_type)
    return {
        "status_code": response.status_code,
        "status": f"{response.status_code} {_phrase(response)}".strip(),
        "headers": headers,
        "body": body,
        "content_type": content_type,
        "duration_ms": round((time.monotonic() - began) * 1000, 3),
    }


def _phrase(response: httpx2.Response) -> str:
    try:
        return HTTPStatus(response.status_code).phrase
    except ValueError:
        return response.reason_phrase
