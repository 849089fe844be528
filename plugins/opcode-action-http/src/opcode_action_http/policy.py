"""What the administrator's settings allow, asked before every hop."""

from __future__ import annotations

import ipaddress

import httpx2
from opcode_core import ActionContext, PermissionDeniedError, Policy, ValidationError

from opcode_action_http.addresses import AddressRefusedError, refuse_address

_PORTS = {"http": 80, "https": 443}


def judge_host(host: str, policy: Policy) -> None:
    """Refuse a host that a definition names; what a name resolves to is judged when it is asked.

    Args:
        host: The host, with its port if the definition has one.
        policy: What the administrator's settings say.

    Raises:
        PermissionDeniedError: It may not be asked.
        ValidationError: It is no host.
    """
    try:
        urls = [httpx2.URL(f"{scheme}://{host}/") for scheme in _PORTS]
    except httpx2.InvalidURL:
        raise ValidationError(f"{host!r} is no host") from None
    refused: list[PermissionDeniedError] = []
    for url in urls:  # the scheme is not known: what one of them allows is allowed
        try:
            refuse_host(url, policy)
        except PermissionDeniedError as error:
            refused.append(error)
    if len(refused) == len(urls):
        raise refused[0]
    try:
        address = str(ipaddress.ip_address(urls[0].host))
    except ValueError:
        return
    try:
        ranges = policy.setting("http.private_ranges")
        refuse_address(host, address, allow_private=True, ranges=ranges)
    except AddressRefusedError as error:
        raise PermissionDeniedError(str(error)) from None


def refuse_host(url: httpx2.URL, context: Policy) -> None:
    """Refuse a host that `http.hosts` does not name; without that setting every host is allowed.

    Args:
        url: Where the next request goes.
        context: Where settings are known.

    Raises:
        PermissionDeniedError: It is not named.
    """
    patterns = context.setting("http.hosts")
    if patterns is None or any(_matches(url, pattern) for pattern in patterns):
        return
    raise PermissionDeniedError(
        f"{url.host} is none of the hosts that may be asked (rule: http.hosts)",
        {"rule": "http.hosts", "host": url.host},
    )


def refuse_unverified(context: ActionContext) -> None:
    """Refuse not to check certificates when `http.allow_tls_skip_verify` is false.

    Raises:
        PermissionDeniedError: It is.
    """
    if context.setting("http.allow_tls_skip_verify") is False:
        raise PermissionDeniedError(
            "certificates have to be checked: leave out `tls_skip_verify` (rule: http.allow_tls_skip_verify)",
            {"rule": "http.allow_tls_skip_verify"},
        )


def _matches(url: httpx2.URL, pattern: str) -> bool:
    """Whether a URL's host is `host`, `host:port` or below `*.domain`; an IPv6 address has its brackets."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    name, colon, port = pattern.lower().rpartition(":")
    if colon and port.isdigit():
        if int(port) != (url.port or _PORTS[url.scheme]):
            return False
    else:
        name = pattern.lower()
    return host.lower() == name or (name.startswith("*.") and host.lower().endswith(name[1:]))
