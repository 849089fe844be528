"""Points at which a test may have the process killed, to prove that nothing is lost there.

Off unless the environment asks for it when this module is first imported; `point` is then a function that does nothing.

    OPCODE_CRASH_AT=12      kill the process, as `kill -9` does, when it comes to its 12th point
    OPCODE_CRASH_LOG=FILE   write the name of each point it comes to into this file, a line each
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Mapping

CRASH_AT = "OPCODE_CRASH_AT"
CRASH_LOG = "OPCODE_CRASH_LOG"


def arm(environment: Mapping[str, str]) -> Callable[[str], None]:
    """The function that is called at each point.

    Args:
        environment: Says whether, and where, the process is to be killed.

    Returns:
        What takes the name of a point; it does nothing when the environment asks for nothing.
    """
    at, log = environment.get(CRASH_AT, ""), environment.get(CRASH_LOG, "")
    if not at.isdecimal() and not log:
        return _pass
    last = int(at) if at.isdecimal() else 0
    numbers = itertools.count(1)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else None

    def come_to(name: str) -> None:
        number = next(numbers)
        if file is not None:
            os.write(file, f"{name}\n".encode())
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return come_to


def _pass(name: str) -> None:
    """Go on."""


point = arm(os.environ)
