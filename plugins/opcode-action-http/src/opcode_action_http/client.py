"""The clients: made when first used, one for each policy, so that no kept connection serves a stricter one."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2

from opcode_action_http.addresses import resolve

_MAX_CONNECTIONS = 100
_KEPT_SECONDS = 30.0


class _GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were judged; the name stays for the Host header and TLS."""

    def __init__(self, *, allow_private: bool, ranges: Sequence[str] | None = None) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._allow_private = allow_private
        self._ranges = ranges

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            addresses = await resolve(
                host, port, allow_private=self._allow_private, ranges=self._ranges
            )
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} does not resolve: {error.strerror}") from None
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def make_client(
    *, allow_private: bool, verify: bool, ranges: Sequence[str] | None = None
) -> httpx2.AsyncClient:
    """A client under one policy; it follows no redirects, reads no environment and has no timeouts of its own.

    It keeps no cookies either: all workflows share it, and one's login must not become another's.

    Args:
        allow_private: Whether loopback and private addresses may be reached.
        verify: Whether the server's certificate is checked.
        ranges: The only private networks that may be reached; None for all.
    """
    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    transport._pool = httpcore2.AsyncConnectionPool(  # noqa: SLF001 - the one door to a network of our own
        ssl_context=_tls(verify=verify),
        network_backend=_GuardedNetwork(allow_private=allow_private, ranges=ranges),
        max_connections=_MAX_CONNECTIONS,
        keepalive_expiry=_KEPT_SECONDS,
    )
    return httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


@functools.cache
def _tls(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()  # 17 ms: once
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
