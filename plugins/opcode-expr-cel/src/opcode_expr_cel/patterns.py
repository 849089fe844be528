"""`matches` on RE2, whose time is linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from opcode_expr_cel.arguments import text
from opcode_expr_cel.convert import utf8
from opcode_expr_cel.errors import FailedError

_MAX_PATTERN = 4096
_MAX_MEMORY = 8 * 1024 * 1024


def matches(target: Any, pattern: Any) -> bool:
    """`matches`: whether a pattern is found anywhere in a string.

    Raises:
        FailedError: An argument is no string, or the pattern is none RE2 accepts.
    """
    whole = utf8(text(target, "matches"))
    return compiled(text(pattern, "matches")).search(whole) is not None


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        FailedError: RE2 does not accept it; the text does not repeat the pattern.
    """
    import re2

    if len(pattern) > _MAX_PATTERN:
        raise FailedError(f"the pattern has more than {_MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False  # else RE2 writes the pattern to the process's stderr
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(utf8(pattern), options)
    except re2.error:
        raise FailedError(
            "the pattern is none RE2 accepts: it has no lookaround and no backreferences"
        ) from None
