"""The headers of a request: the caller's, with what logging in and the body add."""

from __future__ import annotations

import base64
import re

from opcode_core import ValidationError

from opcode_action_http.parameters import ApiKey, Basic, Bearer, GetParams

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_FRAMING = ("content-length", "transfer-encoding")


def request_headers(params: GetParams) -> dict[str, str]:
    """The headers to send, names in lower case.

    Args:
        params: The parameters; `auth` wins over a header of the same name.

    Raises:
        ValidationError: A header cannot be sent; the message names it without its value.
    """
    headers = {name.lower(): value for name, value in params.headers.items()}
    auth = params.auth
    if isinstance(auth, Bearer):
        headers["authorization"] = f"Bearer {auth.token}"
    elif isinstance(auth, Basic):
        headers["authorization"] = basic_auth(auth.username, auth.password)
    elif isinstance(auth, ApiKey):
        headers[auth.header_name.lower()] = auth.header_value
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValidationError(f"the header {name[:100]!r} cannot be sent as it is")
        if name in _FRAMING:
            raise ValidationError(f"leave out the header {name!r}: it follows from the body")
    return headers


def basic_auth(username: str, password: str) -> str:
    """The header that logs in with a name and a password."""
    pair = f"{username}:{password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
