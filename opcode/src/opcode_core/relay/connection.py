"""A connection to the engine of a database: who is at the other end, and the greeting."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct

from opcode_core.relay import place
from opcode_core.relay.lock import lock_path

PROTOCOL = 1
"""What engine and relay must agree on."""
_LOCAL_PEERCRED = 1
_SOL_LOCAL = 0


class UnfitEngineError(Exception):
    """Who listens there cannot be our engine: another user's process, or another version."""


def connect(database: str) -> socket.socket | None:
    """Connect to the engine of a database.

    Args:
        database: The database file, from the root.

    Returns:
        The connection; None when nobody listens (yet, or any more).

    Raises:
        UnfitEngineError: Somebody else's process listens there.
    """
    path = place.find(database, lock_path(database))
    if path is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
        peer = peer_user(connection)
    except (OSError, ValueError):
        connection.close()
        return None
    if peer is not None and peer != os.geteuid():
        connection.close()
        raise UnfitEngineError(f"a process of another user (uid {peer}) listens on {path!r}")
    return connection


def peer_user(connection: socket.socket) -> int | None:
    """The user id of the process at the other end; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        _, user, _ = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        return int(user)
    with contextlib.suppress(OSError, struct.error):  # macOS, BSD: struct xucred
        _, user = struct.unpack("Ii", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)[:8])
        return int(user)
    return None


def greeting(role: str, instance: str) -> bytes:
    """The first line to the engine.

    Args:
        role: `relay` for one that hands on an MCP client's messages, `command` for a command.
        instance: What tells this conversation from all others, also towards the next engine.
    """
    try:
        folder: str | None = os.fsencode(os.getcwd()).decode("utf-8")
    except (OSError, UnicodeDecodeError):  # it was deleted, or cannot be said in JSON
        folder = None
    told = {"opcode": role, "protocol": PROTOCOL, "instance": instance, "cwd": folder}
    return json.dumps(told).encode("ascii") + b"\n"
