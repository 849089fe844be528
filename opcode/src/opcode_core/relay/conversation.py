"""What a relay keeps of its client's conversation, so that it can go on with another engine.

Every call is numbered. One that the old engine may have begun is sent again under its number: by that the new engine
knows whether it was done (`model.requests.Call`), and answers in either case. So the client is not asked to ask again,
and nothing is done twice.
"""

from __future__ import annotations

import json
import os
import time

from opcode_core.relay.handover import GREETING_ID, number_line

_ANSWER = b'{"jsonrpc":"2.0","id":'
"""How the engine's answers begin: an id is read from there without reading the whole answer."""
_LONGEST_ID = 512


class Conversation:
    """One client's conversation, whoever the engine is.

    Attributes:
        instance: What tells it from all others.
        held: How many bytes of calls are kept, because they have no answer yet.
    """

    def __init__(self) -> None:
        self.instance = os.urandom(12).hex()
        self.held = 0
        self._count = 0
        self._open: dict[str, tuple[int, float, bytes]] = {}
        self._greeting: bytes | None = None
        self._greeting_number = 0
        self._greeted = False
        self._initialized: bytes | None = None

    @property
    def answered(self) -> bool:
        """Whether no call waits for its answer."""
        return not self._open

    def from_client(self, line: bytes) -> bytes:
        """Take a line of the client; give it as it goes to the engine."""
        self._count += 1
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            self._note(message, line)
        return number_line(line, self._count, None)

    def from_engine(self, line: bytes) -> bool:
        """Take a line of the engine; whether it is for the client."""
        key = _answered(line)
        if key is None:
            return True
        if key == _HIDDEN:
            return False
        self._settle(key)
        return True

    def again(self) -> list[bytes]:
        """What a new engine is to be told: how the client began, and its calls that have no answer."""
        lines = []
        if self._greeting is not None and self._greeted:
            lines.append(number_line(self._greeting, 0, None))
            if self._initialized is not None:
                lines.append(number_line(self._initialized, 0, None))
        lines += [number_line(line, number, since) for number, since, line in self._open.values()]
        return lines

    def _note(self, message: dict[str, object], line: bytes) -> None:
        method, number = message.get("method"), message.get("id")
        if method == "notifications/initialized":
            self._initialized = line
        elif method == "notifications/cancelled":
            params = message.get("params")
            if isinstance(params, dict):
                self._settle(json.dumps(params.get("requestId")))
        elif isinstance(method, str) and isinstance(number, (int, str)):
            if method == "initialize":
                self._greeting = json.dumps({**message, "id": GREETING_ID}).encode("ascii") + b"\n"
                self._greeting_number = self._count
                self._greeted = False
            self._settle(json.dumps(number))
            self._open[json.dumps(number)] = (self._count, time.time(), line)
            self.held += len(line)

    def _settle(self, key: str) -> None:
        settled = self._open.pop(key, None)
        if settled is not None:
            self.held -= len(settled[2])
            if settled[0] == self._greeting_number:
                self._greeted = True


_HIDDEN = json.dumps(GREETING_ID)


def _answered(line: bytes) -> str | None:
    """The id that a line of the engine answers, as JSON; None for what is no answer."""
    if not line.startswith(_ANSWER):
        return None
    text = line[len(_ANSWER) : len(_ANSWER) + _LONGEST_ID].decode("utf-8", "replace")
    try:
        number, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:  # an id that is longer
        number = json.loads(line).get("id")
    return json.dumps(number)
