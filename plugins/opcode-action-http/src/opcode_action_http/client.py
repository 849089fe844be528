"""The clients: made when first used, one for each policy, so that no kept connection serves a stricter one."""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpcore2
import httpx2

from opcode_action_http.network import GuardedNetwork

_MAX_CONNECTIONS = 100
_KEPT_SECONDS = 30.0


class Client:
    """Sends one request under one policy; nothing of another one reaches it.

    It follows no redirects, reads no environment, keeps no cookies, because all workflows share it and one's login must
    not become another's, and has no timeouts of its own.

    Args:
        allow_private: Whether loopback and private addresses may be reached.
        verify: Whether the server's certificate is checked.
        ranges: The only private networks that may be reached; None for all.
    """

    def __init__(
        self, *, allow_private: bool, verify: bool, ranges: Sequence[str] | None = None
    ) -> None:
        self._transport = httpx2.AsyncHTTPTransport(trust_env=False)
        self._transport._pool = httpcore2.AsyncConnectionPool(  # noqa: SLF001 - the one door to a network of our own
            ssl_context=_tls(verify=verify),
            network_backend=GuardedNetwork(allow_private=allow_private, ranges=ranges),
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
        )

    @asynccontextmanager
    async def send(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], content: bytes | None
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request; inside, the answer can be read.

        Args:
            method: The method.
            url: The whole URL, without who logs in.
            headers: The headers, names in lower case.
            content: The body; None for none.

        Raises:
            AddressRefusedError: The address may not be reached.
            httpx2.HTTPError: No answer came.
        """
        request = httpx2.Request(
            method, url, headers={**_default_headers(), **headers}, content=content
        )
        # The transport itself: what a client of the library does beside it, it must not do here, and costs as much.
        response = await self._transport.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._transport.aclose()


@functools.cache
def _default_headers() -> dict[str, str]:
    """What the library sends when nothing else is said, such as the encodings it can decode."""
    return dict(httpx2.Client(transport=httpx2.MockTransport(_nothing)).headers)


def _nothing(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError(request.method)


@functools.cache
def _tls(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()  # 17 ms: once
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
