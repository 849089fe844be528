"""What is sent next when the answer is a redirect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx2
from opcode_core import ExecutionError

_REDIRECTS = (301, 302, 303, 307, 308)
_OF_THE_BODY = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-location",
        "content-type",
        "idempotency-key",
    }
)


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of an exchange.

    Attributes:
        method: The method.
        url: The whole URL, without who logs in.
        headers: The headers, names in lower case.
        content: The body; None for none.
        trusted_host: Whether loopback and private addresses may be reached: neither a step's output nor a redirect
            names the host.
    """

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes | None
    trusted_host: bool


def redirect_target(hop: Hop, response: httpx2.Response) -> httpx2.URL | None:
    """Where an answer leads; None when it is no redirect.

    Args:
        hop: What was sent.
        response: The answer.

    Raises:
        ExecutionError: It leads to what is no http address.
    """
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    try:
        target = hop.url.join(location).copy_with(username=None, password=None)
    except (httpx2.InvalidURL, ValueError):
        raise ExecutionError("the server redirects to what is no URL") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise ExecutionError("the server redirects to what is no http address")
    return target


def next_hop(hop: Hop, status: int, target: httpx2.URL) -> Hop:
    """What to send to where a redirect leads, as browsers do it (Fetch, HTTP-redirect fetch).

    After 303, and after 301 or 302 to a POST, the new request is a GET without a body. Another origin gets nothing that
    the caller gave, and must be public.

    Args:
        hop: What was sent.
        status: The status of the answer.
        target: Where it leads.
    """
    to_get = hop.method not in ("GET", "HEAD") if status == 303 else hop.method == "POST"  # noqa: PLR2004 - See Other
    if to_get and status in (301, 302, 303):
        headers = {name: value for name, value in hop.headers.items() if name not in _OF_THE_BODY}
        hop = replace(hop, method="GET", headers=headers, content=None)
    if _origin(target) != _origin(hop.url):
        hop = replace(hop, headers={}, content=None, trusted_host=False)
    return replace(hop, url=target)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or ports.get(url.scheme)
