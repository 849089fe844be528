"""What a member of an object in a definition may be: declared by the core and by step types, checked when planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["object", "array", "string", "integer", "boolean", "duration", "any"]


@dataclass(frozen=True, slots=True)
class Field:
    """What a member of an object may be.

    Attributes:
        kind: Its JSON type; `duration` is a string that holds one.
        required: Whether it must be there.
        choices: The only texts it may be; empty for any.
        least: The smallest integer it may be.
        most: The largest integer it may be.
        warn_above: An integer above this is odd, but allowed.
        short: For an object: the member that was probably meant when a plain value stands in its place.
    """

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    warn_above: int | None = None
    short: str | None = None
