"""What plugins tell people who look after a server: what policy would say, and how the machine is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from opcode_core.lent import Policy

FindingState = Literal["ok", "off", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at the machine found.

    Attributes:
        topic: What was looked at, in a word or two.
        state: `ok`; `off` for what is not there or switched off; `warning` for what somebody should know; `broken` for
            what keeps the server from working as it is set.
        text: What was found, in a sentence that names what to do about it.
    """

    topic: str
    state: FindingState
    text: str


Checkup = Callable[[Callable[[str], Any]], Iterable[Finding]]
"""Looks at the machine; called in a thread, with what gives a setting by its dotted name."""

Judge = Callable[[str, Policy], None]
"""Raises an error of ours when policy does not let a host, path or command be touched."""
