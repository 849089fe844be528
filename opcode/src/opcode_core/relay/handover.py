"""What a relay that becomes the engine hands over of its client, and how calls are numbered towards an engine."""

from __future__ import annotations

from collections.abc import Sequence

GREETING_ID = "opcode-relay"
"""The id of an `initialize` that a relay repeats towards a new engine: its answer is not for the client."""


class Handover:
    """What a process has of its client from when it was a relay.

    Args:
        instance: What tells this conversation from all others.
        lines: What the engine is to be told anew, numbered.
        output: What was not yet written to the client: whole lines, the first perhaps in part.
        rest: The beginning of the client's next line.
        skipping: Whether that line is too long, and is passed over.
    """

    def __init__(
        self,
        instance: str = "",
        lines: Sequence[bytes] = (),
        output: bytes = b"",
        rest: bytes = b"",
        *,
        skipping: bool = False,
    ) -> None:
        self.instance = instance
        self.lines = lines
        self.output = output
        self.rest = rest
        self.skipping = skipping
        self.hidden = (GREETING_ID,)


def number_line(line: bytes, number: int, since: float | None) -> bytes:
    """Number a line towards the engine.

    Args:
        line: The client's line.
        number: Its number in the conversation, the same each time it is sent.
        since: When it was sent first, in seconds since 1970, if it is sent again.
    """
    if since is None:
        return b"%d %s" % (number, line)
    return b"%d@%.6f %s" % (number, since, line)


def read_number(line: bytes) -> tuple[int, float | None, bytes]:
    """The number of a line, when it was sent first if this is not the first time, and the line.

    Raises:
        ValueError: It has none.
    """
    head, found, rest = line.partition(b" ")
    number, again, since = head.partition(b"@")
    if not found or not number.isdigit():
        raise ValueError("a line without a number")
    return int(number), float(since) if again else None, rest
