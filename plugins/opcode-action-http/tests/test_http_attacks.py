"""Ways to an address that must not be reached, and ways for a secret to get out in an error."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from http_server import anyio_backend, asked, base, begun, context, server, tls_server
from opcode_action_http.addresses import AddressRefusedError
from opcode_action_http.network import GuardedNetwork
from opcode_action_http.request import get, post
from opcode_core import (
    ExecutionError,
    PermissionDeniedError,
    Segment,
    StepTimeoutError,
    ValidationError,
)

pytestmark = pytest.mark.anyio
REFUSED = (PermissionDeniedError, ValidationError)  # an address in octal is no URL
STEPS, OWN = frozenset({"steps"}), frozenset[str]()
NEVER = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "100.100.100.200",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
]
LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
]


async def send(action: Any, context: Any, url: str, **more: Any) -> Any:
    return await action.run(action.params(url=url, **more), context)


@pytest.mark.parametrize("host", NEVER)
async def test_link_local_and_metadata_are_refused_for_every_action(
    context: Any, host: str
) -> None:
    for action in (get, post):
        with pytest.raises(REFUSED):
            await send(action, context, f"http://{host}/latest", timeout="2s")


@pytest.mark.parametrize("host", LOOPBACK)
async def test_this_machine_is_refused_to_a_host_from_a_step_however_it_is_written(
    context: Any, server: Any, asked: Any, host: str
) -> None:
    url = f"http://{host}:{server.server_address[1]}/json"
    context.segments_of_url = (Segment(url, STEPS),)
    for action in (get, post):
        with pytest.raises(REFUSED):
            await send(action, context, url, timeout="2s")
    assert asked == []


@pytest.mark.parametrize(
    "url",
    ["http://１２７.０.０.１/", "http://127.0.0.1\\@example.com/", "http://a b/", "http://[::1/"],
)
async def test_urls_that_look_like_others_reach_nothing(context: Any, asked: Any, url: str) -> None:
    context.segments_of_url = (Segment(url, STEPS),)
    with pytest.raises((ValidationError, PermissionDeniedError, ExecutionError)):
        await send(get, context, url, timeout="2s")
    assert asked == []


@pytest.mark.parametrize(
    "segments",
    [
        (Segment("http", STEPS), Segment("://127.0.0.1/", OWN)),
        (Segment("http://", OWN), Segment("127.0.0.1", STEPS), Segment("/", OWN)),
        (Segment("http://example.com", OWN), Segment("@127.0.0.1/", STEPS)),
        (Segment("http://127.0.0.1:", OWN), Segment("80", frozenset({"loop", "steps"}))),
    ],
)
async def test_a_step_that_wrote_into_the_authority_named_the_host(
    context: Any, base: str, asked: Any, segments: tuple[Segment, ...]
) -> None:
    context.segments_of_url = segments
    with pytest.raises(PermissionDeniedError):
        await send(post, context, f"{base}/json")
    assert asked == []


async def test_a_connection_of_the_trusted_serves_nobody_else(
    context: Any, base: str, asked: Any
) -> None:
    await send(get, context, f"{base}/json")  # its connection is kept
    context.segments_of_url = (Segment(base, STEPS),)
    with pytest.raises(PermissionDeniedError):
        await send(get, context, f"{base}/json")
    assert len(asked) == 1


def record_connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let no connection come about; give the addresses that were to be connected to, as they come."""
    addresses: list[str] = []

    async def connect(protocol: Any, address: str, port: int) -> Any:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect)
    return addresses


async def test_a_name_that_changes_is_asked_once_and_the_judged_address_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])

    async def answer(*args: Any, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
    network, connected = GuardedNetwork(allow_private=False), record_connections(monkeypatch)
    with pytest.raises(httpcore2.ConnectError):
        await network.connect_tcp("changing.example", 80)
    assert connected == ["93.184.216.34"]
    with pytest.raises(AddressRefusedError):
        await network.connect_tcp("changing.example", 80)
    assert connected == ["93.184.216.34"]


async def test_one_bad_address_of_several_refuses_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(*args: Any, **more: Any) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in ("93.184.216.34", "169.254.169.254")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
    network, connected = GuardedNetwork(allow_private=True), record_connections(monkeypatch)
    with pytest.raises(AddressRefusedError):
        await network.connect_tcp("two.example", 80)
    assert connected == []


async def test_proxies_and_netrc_are_not_used(
    context: Any, base: str, asked: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login them password theirs\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert (await send(get, context, f"{base}/json")).status_code == 200
    assert "authorization" not in asked[0].headers


async def test_a_failed_post_gives_nothing_away(context: Any, base: str, server: Any) -> None:
    secrets = {
        "headers": {"X-Key": "HEADER"},
        "query": {"q": "QUERY"},
        "auth": {"type": "basic", "username": "USERNAME", "password": "PASSWORD"},
        "body": {"card": "BODY"},
    }
    port = server.server_address[1]
    for url, text in (
        ("http://u:URLPASS@127.0.0.1:1/path?token=TOKEN", "no connection"),
        (f"https://127.0.0.1:{port}/path?token=TOKEN", "no TLS connection"),
        (f"{base}/nonsense?token=TOKEN", "not encoded as it says"),
        (f"{base}/drip?token=TOKEN", "took longer than 100ms"),
    ):
        with pytest.raises((ExecutionError, StepTimeoutError)) as caught:
            await send(post, context, url, timeout="100ms" if "drip" in url else "5s", **secrets)
        said = json.dumps(caught.value.to_json())
        assert text in said
        for secret in ("HEADER", "QUERY", "USERNAME", "PASSWORD", "BODY", "TOKEN", "URLPASS"):
            assert secret not in said
        assert caught.value.__suppress_context__


async def test_a_slow_answer_to_a_post_ends_at_its_timeout(context: Any, base: str) -> None:
    with pytest.raises(StepTimeoutError):
        await send(post, context, f"{base}/drip", body=1, timeout="100ms")


async def test_a_cancelled_request_ends_at_once(context: Any, base: str, begun: Any) -> None:
    task = asyncio.ensure_future(send(post, context, f"{base}/drip", body=1))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("127.0.0.1:1", False),
        ("*.0.0.1", True),
        ("*.127.0.0.1", False),
        ("*0.0.1", False),
        ("localhost", False),
        ("127.0.0.1.example.com", False),
    ],
)
async def test_only_the_hosts_that_policy_names_are_asked(
    context: Any, server: Any, base: str, asked: Any, pattern: str, allowed: bool
) -> None:
    port = server.server_address[1]
    context.settings["http.hosts"] = ["api.example.com", pattern.replace("{port}", str(port))]
    if allowed:
        assert (await send(get, context, f"{base}/json")).status_code == 200
        with pytest.raises(PermissionDeniedError, match=r"http\.hosts"):
            await send(get, context, f"{base}/away")
        assert len(asked) == 2
    else:
        with pytest.raises(PermissionDeniedError, match=r"http\.hosts"):
            await send(get, context, f"{base}/json")
        assert asked == []


async def test_policy_may_insist_on_certificates(context: Any, base: str, asked: Any) -> None:
    context.settings["http.allow_tls_skip_verify"] = False
    with pytest.raises(PermissionDeniedError, match=r"http\.allow_tls_skip_verify"):
        await send(get, context, f"{base}/json", tls_skip_verify=True)
    assert asked == []
    context.settings["http.allow_tls_skip_verify"] = True
    assert (await send(get, context, f"{base}/json", tls_skip_verify=True)).status_code == 200


async def test_a_certificate_nobody_vouches_for_is_refused_unless_told(
    context: Any, tls_server: Any, asked: Any
) -> None:
    with pytest.raises(ExecutionError, match="certificate is not trusted"):
        await send(get, context, f"{tls_server}/json")
    assert asked == []
    assert (await send(get, context, f"{tls_server}/json", tls_skip_verify=True)).status_code == 200
    with pytest.raises(ExecutionError, match="certificate is not trusted"):
        await send(get, context, f"{tls_server}/json")  # the connection of the lax one is not taken
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("ranges", "reached"),
    [(None, True), (["127.0.0.0/8"], True), (["10.0.0.0/8"], False), ([], False)],
)
async def test_policy_says_which_private_networks_are_reached(
    context: Any, base: str, asked: Any, ranges: list[str] | None, reached: bool
) -> None:
    context.settings["http.private_ranges"] = ranges
    if reached:
        await send(get, context, f"{base}/json")
    else:
        with pytest.raises(PermissionDeniedError, match=r"rule: http\.private_ranges"):
            await send(get, context, f"{base}/json")
    assert len(asked) == int(reached)
