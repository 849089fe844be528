"""What an exchange that went wrong says: enough to act on, and nothing that may be secret."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from opcode_core import ExecutionError, NonRetryableError

_RETRIED = (408, 425, 429)
_LONGEST_WAIT = 86400.0


def refuse_error_status(answer: Mapping[str, Any]) -> None:
    """Fail on a status of 400 and above, the answer in the details.

    Raises:
        NonRetryableError: The same request will be answered the same way.
        ExecutionError: Another try may help; when the server says when, that is honoured.
    """
    status = answer["status_code"]
    if status < 400:  # noqa: PLR2004 - where errors begin
        return
    message = f"the server answered {answer['status']}"
    details = dict(answer)
    if status >= 500 or status in _RETRIED:  # noqa: PLR2004 - the server's own faults
        raise ExecutionError(message, details, retry_after=_retry_after(answer["headers"]))
    raise NonRetryableError(message, details)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return min(max(0.0, moment.timestamp() - time.time()), _LONGEST_WAIT)


def public_url(url: httpx2.URL) -> str:
    """A URL for people: without who logs in, what is asked, and where in the page."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}{url.path}"


def reason(error: httpx2.HTTPError) -> str:
    """Why a request failed, in words that hold nothing of what was sent."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection: {cause.reason or 'the handshake failed'}"
    names = {
        "ConnectError": "no connection",
        "ReadError": "the connection broke while it was read",
        "WriteError": "the connection broke while it was written",
        "RemoteProtocolError": "the server does not speak HTTP as it should",
        "DecodingError": "the body is not encoded as it says",
        "UnsupportedProtocol": "only http and https are spoken",
        "LocalProtocolError": "a header cannot be sent as it is",
    }
    return names.get(type(error).__name__, type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
