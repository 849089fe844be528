"""The network under the client: to addresses that were judged, on the loop's own transports.

The library's network reads through another layer, which gives the loop a turn at each read and each write: half of what
a short exchange costs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

import httpcore2

from opcode_action_http.addresses import resolve

_MOST_WAITING = 1 << 18
"""How many bytes may wait to be read before the sender is held up."""


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were judged; the name stays for the Host header and TLS.

    It has no timeouts of its own: an exchange has one over all it does.

    Args:
        allow_private: Whether loopback and private addresses may be reached.
        ranges: The only private networks that may be reached; None for all.
    """

    def __init__(self, *, allow_private: bool, ranges: Sequence[str] | None = None) -> None:
        self._allow_private = allow_private
        self._ranges = ranges

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - the library's signature
        local_address: str | None = None,  # noqa: ARG002 - the same
        socket_options: Any = None,  # noqa: ARG002 - the same
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host.

        Raises:
            AddressRefusedError: Its address may not be reached.
            httpcore2.ConnectError: No address of it answers.
        """
        try:
            addresses = await resolve(
                host, port, allow_private=self._allow_private, ranges=self._ranges
            )
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} does not resolve: {error.strerror}") from None
        except UnicodeError:  # a part of it is empty or too long
            raise httpcore2.ConnectError(f"{host} does not resolve: it is no name") from None
        for address in addresses[:-1]:
            try:
                return await _connect(address, port)
            except httpcore2.ConnectError:
                continue
        return await _connect(addresses[-1], port)

    async def sleep(self, seconds: float) -> None:
        """Wait before the library tries again."""
        await asyncio.sleep(seconds)


async def _connect(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    loop = asyncio.get_running_loop()
    try:
        transport, incoming = await loop.create_connection(_Incoming, address, port)
    except (OSError, OverflowError) as error:  # the latter of a port beyond 65535
        raise httpcore2.ConnectError(str(error)) from error
    return _Stream(transport, incoming)


class _Incoming(asyncio.Protocol):
    """What has come and was not read yet, and whether more can be sent."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.gone = asyncio.Event()
        self._held_up = False
        self._full = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        if len(self.waiting) > _MOST_WAITING and not self._held_up:
            self._held_up = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self.ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.error = True, self.error or exc
        self.gone.set()
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._writer)

    def secured(self, transport: asyncio.Transport) -> None:
        """From now on it comes through another transport."""
        self._transport = transport

    async def read(self, most: int) -> bytes:
        """What has come; empty at the end."""
        while not self.waiting and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if not self.waiting and self.error is not None:
            raise httpcore2.ReadError(str(self.error)) from self.error
        data = bytes(self.waiting[:most])
        del self.waiting[:most]
        if self._held_up and len(self.waiting) <= _MOST_WAITING:
            self._held_up = False
            self._transport.resume_reading()
        return data

    async def sent(self) -> None:
        """Wait until more can be sent."""
        while self._full and not self.gone.is_set():
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        if self.gone.is_set():
            raise httpcore2.WriteError("the connection is closed") from self.error


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection, as the library wants it."""

    def __init__(self, transport: asyncio.Transport, incoming: _Incoming) -> None:
        self._transport = transport
        self._incoming = incoming

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109, ARG002
        return await self._incoming.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109, ARG002
        self._transport.write(buffer)
        await self._incoming.sent()

    async def aclose(self) -> None:
        self._transport.abort()
        await self._incoming.gone.wait()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
    ) -> httpcore2.AsyncNetworkStream:
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self._incoming, ssl_context, server_hostname=server_hostname
            )
        except OSError as error:  # a failed handshake is one, too
            raise httpcore2.ConnectError(str(error)) from error
        if transport is None:
            raise httpcore2.ConnectError("the connection broke before it was secure")
        self._incoming.secured(transport)
        return _Stream(transport, self._incoming)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._incoming.waiting) or self._incoming.ended
        return self._transport.get_extra_info(info)
