"""`matches` on RE2, whose time is linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, check_time

_MAX_PATTERN = 4096
_MAX_MEMORY = 4 * 1024 * 1024
_MAX_WORK = 200_000_000
"""Instructions of the pattern times bytes of the text: a search of about a second at the most."""


def search(frame: Frame, pattern: str, subject: str) -> bool:
    """Whether a pattern is found anywhere in a text.

    Raises:
        ExecutionError: RE2 does not accept the pattern, or searching so much would take too long.
    """
    check_time(frame)
    program = compiled(pattern)
    whole = utf8(subject)
    if program.programsize * len(whole) > _MAX_WORK:
        raise ExecutionError(
            "`matches` would take too long: search a shorter text or use a simpler pattern"
        )
    return program.search(whole) is not None


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        ExecutionError: RE2 does not accept it; the text does not repeat the pattern.
    """
    import re2

    if len(pattern) > _MAX_PATTERN:
        raise ExecutionError(f"the pattern has more than {_MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False  # else RE2 writes the pattern to the process's stderr
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(utf8(pattern), options)
    except re2.error:
        raise ExecutionError(
            "the pattern is none RE2 accepts: it has no lookaround and no backreferences"
        ) from None


def utf8(text: str) -> bytes:
    """Give a text's UTF-8.

    Raises:
        ExecutionError: Half of a surrogate pair is in it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ExecutionError("the text holds half of a surrogate pair") from None
