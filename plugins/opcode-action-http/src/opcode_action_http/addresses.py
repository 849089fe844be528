"""Which addresses may be reached, judged by what a name resolves to, and the connection goes to the judged one."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Literal

Verdict = Literal["never", "private", "public"]

_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        *(
            "169.254.0.0/16",
            "fe80::/10",
        ),  # link-local, and with it the metadata service of most clouds
        *(
            "100.100.100.200/32",
            "192.0.0.192/32",
            "168.63.129.16/32",
            "fd00:ec2::254/128",
        ),  # and of the others
    )
]
_CARRIES_V4 = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")]


class AddressRefusedError(Exception):
    """An address that may not be reached.

    Args:
        host: The name it came from.
        why: What kind of address it is.
    """

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host} leads to {why}")


def judge(address: str) -> Verdict:
    """What kind of address this is; an IPv4 address carried by an IPv6 one is judged in its place."""
    ip: Any = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if ip.version == 6:  # noqa: PLR2004 - the version of the protocol
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and int(ip) > 1 and any(ip in network for network in _CARRIES_V4):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return judge(str(inner))
    if any(ip.version == network.version and ip in network for network in _NEVER):
        return "never"
    return "public" if ip.is_global and not ip.is_multicast else "private"


async def resolve(
    host: str, port: int, *, allow_private: bool, ranges: Sequence[str] | None = None
) -> list[str]:
    """The addresses of a host, every one of which may be reached.

    Args:
        host: A name or an address, in any way of writing one.
        port: The port.
        allow_private: Whether loopback and private addresses may be reached.
        ranges: The only networks of them that may; None for all.

    Raises:
        AddressRefusedError: One of them may not.
        OSError: The name does not resolve.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        refuse_address(host, address, allow_private=allow_private, ranges=ranges)
    return addresses


def refuse_address(
    host: str, address: str, *, allow_private: bool, ranges: Sequence[str] | None
) -> None:
    """Refuse an address that may not be reached.

    Args:
        host: The name it came from.
        address: The address.
        allow_private: Whether loopback and private addresses may be reached.
        ranges: The only networks of them that may; None for all.

    Raises:
        AddressRefusedError: It may not.
    """
    verdict = judge(address)
    if verdict == "never":
        raise AddressRefusedError(
            host, "a link-local or cloud metadata address, which is always refused"
        )
    if verdict == "private" and not allow_private:
        raise AddressRefusedError(
            host,
            "a loopback or private address, which only the definition or an input may name",
        )
    if verdict == "private" and ranges is not None and not _is_in(address, ranges):
        raise AddressRefusedError(
            host,
            "a loopback or private address that policy does not name (rule: http.private_ranges)",
        )


def _is_in(address: str, ranges: Sequence[str]) -> bool:
    ip: Any = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    networks = [ipaddress.ip_network(text) for text in ranges]
    return any(ip.version == network.version and ip in network for network in networks)
