"""The network under the client: nobody reads and nothing piles up, what breaks is said, what is over is noticed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
import pytest
from opcode_action_http.network import GuardedNetwork

pytestmark = pytest.mark.anyio
SECONDS = 10.0
MANY = 32 << 20
"""More bytes than a system holds between two sockets."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected(serve: Serve) -> AsyncIterator[httpcore2.AsyncNetworkStream]:
    """A connection to a server that does this with it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(SECONDS):
            stream = await GuardedNetwork(allow_private=True).connect_tcp("127.0.0.1", port)
            try:
                yield stream
            finally:
                await stream.aclose()
    finally:
        server.close()


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds that nobody tells."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - a connection tells nobody
            await asyncio.sleep(0.001)


async def test_who_sends_faster_than_it_is_read_is_held_up() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(MANY >> 16):
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    async with connected(flood) as stream:
        await stream.read(1)
        before = -1
        while before != sent:  # it comes to a halt long before the end
            before = sent
            await asyncio.sleep(0.1)
        assert sent < MANY
        assert len(stream._incoming.waiting) < 1 << 20  # type: ignore[attr-defined]
        count = 1
        while data := await stream.read(1 << 16):
            assert len(data) <= 1 << 16
            count += len(data)
        assert count == MANY


async def test_who_reads_slower_than_is_sent_holds_the_sender_up() -> None:
    go, got = asyncio.Event(), 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await go.wait()
        while data := await reader.read(1 << 16):
            got += len(data)
            if got == MANY:
                break
        writer.write(b"all")
        await writer.drain()

    async with connected(slow) as stream:
        writing = asyncio.ensure_future(stream.write(bytes(MANY)))
        done, _ = await asyncio.wait([writing], timeout=0.1)
        assert not done
        go.set()
        await writing
        assert await stream.read(10) == b"all"
    assert got == MANY


async def test_a_connection_that_breaks_says_so_to_who_reads_and_who_writes() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.abort()

    async with connected(hang_up) as stream:
        reading = asyncio.ensure_future(stream.read(10))
        await stream.write(bytes(1 << 20))  # what nobody reads makes its end a reset
        with pytest.raises(httpcore2.ReadError):
            await reading
        with pytest.raises(httpcore2.WriteError):
            await stream.write(b"more")


async def test_an_orderly_end_is_an_empty_read_and_is_noticed_before_anything_is_sent() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"last words")

    async with connected(answer) as stream:
        assert not stream.get_extra_info("is_readable")
        await stream.write(b"?")
        assert await stream.read(4) == b"last"
        assert await stream.read(100) == b" words"
        assert await stream.read(100) == b""
        assert stream.get_extra_info("is_readable")


async def test_a_kept_connection_that_the_server_has_closed_is_not_used_again() -> None:
    served: list[int] = []
    close = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(0)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await close.wait()
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    network = GuardedNetwork(allow_private=True)
    async with httpcore2.AsyncConnectionPool(network_backend=network) as pool:
        assert (await pool.request("GET", url)).content == b"ok"
        close.set()
        await until(lambda: pool.connections and pool.connections[0].has_expired())
        assert (await pool.request("GET", url)).content == b"ok"
    server.close()
    assert len(served) == 2


async def test_nobody_there_and_no_such_name_are_both_no_connection() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    network = GuardedNetwork(allow_private=True)
    with pytest.raises(httpcore2.ConnectError):
        await network.connect_tcp("127.0.0.1", port)
    with pytest.raises(httpcore2.ConnectError, match="does not resolve"):
        await network.connect_tcp("no such name", port)


async def test_reading_that_is_cancelled_loses_nothing() -> None:
    go = asyncio.Event()

    async def later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(b"late")
        await writer.drain()

    async with connected(later) as stream:
        reading = asyncio.ensure_future(stream.read(10))
        await asyncio.wait([reading], timeout=0.01)
        reading.cancel()
        go.set()
        assert await stream.read(10) == b"late"


async def test_no_tls_where_the_server_speaks_none() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 What?\r\n\r\n")

    async with connected(plain) as stream:
        with pytest.raises(httpcore2.ConnectError) as caught:
            await stream.start_tls(ssl.create_default_context(), "127.0.0.1")
    assert isinstance(caught.value.__cause__, OSError)
