"""One line of the wire as a message of the SDK, parsed once and strictly."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from pydantic import ValidationError as ShapeError

from opcode_core.errors import OpcodeError
from opcode_core.jsonio import MAX_DEPTH, parse_json
from opcode_core.logs import logger
from opcode_core.model.requests import Call
from opcode_core.relay.handover import read_number

_ENVELOPE_DEPTH = 4
"""How deep arguments stand in a message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What comes with a request and is no part of the message.

    Attributes:
        refusal: Why its arguments cannot be taken; None if they can.
        call: What to know it by when it comes again; None if it cannot.
    """

    refusal: OpcodeError | None
    call: Call | None


def read_numbered(line: bytes, instance: str) -> tuple[bytes, Call | None]:
    """A relay's line without its number, and what to know a call by when it comes again.

    Args:
        line: The line.
        instance: The conversation.

    Raises:
        ValueError: It has no number.
    """
    number, since, rest = read_number(line)
    return rest, Call(f"{instance}:{number}", since)


def read_message(line: bytes, call: Call | None = None) -> SessionMessage | None:
    """Read one line.

    A call whose arguments cannot be taken as they are (NaN, a key twice, half a surrogate pair, an integer beyond 64
    bits, too deep) is passed on with the refusal beside it, so that it is answered like any other refused call.

    Args:
        line: The line.
        call: What to know it by when it comes again, if it is a call; None if it cannot.

    Returns:
        The message; None for what is no JSON-RPC, which is logged and passed over.
    """
    if not line.strip():
        return None
    refusal: OpcodeError | None = None
    try:
        value = parse_json(line, max_depth=MAX_DEPTH + _ENVELOPE_DEPTH)
    except OpcodeError as error:
        refusal = error
        value = _read_loosely(line)
    try:
        message = types.jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ShapeError:
        logger.warning(
            "a line was no JSON-RPC and was passed over", extra={"data": {"bytes": len(line)}}
        )
        return None
    if refusal is None:
        asked = None if call is None else ServerMessageMetadata(request_context=Asked(None, call))
        return SessionMessage(message, asked)
    if not isinstance(message, types.JSONRPCRequest) or message.method != "tools/call":
        logger.warning("a message was passed over", extra={"data": {"reason": refusal.message}})
        return None
    return SessionMessage(message, ServerMessageMetadata(request_context=Asked(refusal, call)))


def _read_loosely(line: bytes) -> Any:
    """What can be known of a message that is not strict JSON: enough to answer it, without its arguments."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return _without_arguments(line)
    if isinstance(value, dict) and isinstance(value.get("params"), dict):
        value["params"] = {"name": value["params"].get("name", ""), "arguments": {}}
    return value


def _without_arguments(line: bytes) -> Any:
    """A message too deep to be read: its id and the tool's name, if they stand before its arguments."""
    head, found, _ = line.partition(b'"arguments"')
    if not found:
        return None
    for ending in (b'"arguments":{}}}', b'"arguments":{}}}}'):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(head + ending)
    return None
