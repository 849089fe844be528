"""What a breach is here: an action, the clause that it breaks, and words of what the suite says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opcode_core import Action
from opcode_core.testing import Example


@dataclass(frozen=True)
class Breach:
    """An action that breaks a clause of the contract."""

    clause: str
    says: str
    action: Action
    examples: Sequence[Example] = ()
