"""`assert.matches`: patterns run on RE2, so none takes for ever."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

from opcode_core import (
    ActionSource,
    Effect,
    LimitExceededError,
    Problem,
    ValidationError,
    action,
    pointer,
)
from pydantic import Field

from opcode_action_assert.outcome import AssertParams, Passed, failed
from opcode_action_assert.values import scalar_text

MAX_PATTERN_BYTES = 4096
"""How long a pattern may be, as UTF-8."""
MAX_WORK = 1_000_000_000
"""How much searching may be asked for, in steps: instructions of the pattern times bytes of text.

A step takes at most about 5 ns, and far less for all but patterns made to be slow.
"""
IN_PLACE_WORK = 5_000_000
"""Up to this many steps a search is done at once, in at most 25 ms; beyond, in a thread."""


class MatchesParams(AssertParams):
    """What `assert.matches` takes."""

    value: str | int | float | bool | None = Field(
        description="What to search: a string; another scalar is searched by its text."
    )
    pattern: str = Field(
        description="A regular expression in RE2's syntax: no lookahead, no backreferences. It may "
        "match anywhere; `^` and `$` hold it to the ends."
    )


class Matched(Passed):
    """What `assert.matches` gives."""

    matches: str = Field(description="The text that matched.")
    groups: list[str | None] = Field(
        description="The text of each group, in order; null for one that took no part."
    )


def _check(source: ActionSource) -> Iterator[Problem]:
    pattern = source.params.get("pattern")
    if not isinstance(pattern, str) or source.references("pattern"):
        return
    at = pointer(source.pointer, "pattern")
    try:
        _compile(pattern)
    except LimitExceededError as error:
        yield Problem(at, "LIMIT_EXCEEDED", error.message)
    except ValidationError as error:
        hint = "write it in RE2's syntax, which has neither lookaround nor backreferences"
        yield Problem(at, "INVALID_VALUE", error.message, hint=hint)


@action("assert.matches", effect=Effect.PURE, check=_check)
async def matches(params: MatchesParams) -> Matched:
    """Assert that `pattern` matches somewhere in `value`.

    Patterns are those of RE2: their time grows with the text alone, and lookaround and
    backreferences are refused. The output has the text that matched and its groups.
    """
    pattern = _compile(params.pattern)
    text = scalar_text(params.value) or ""
    work = pattern.programsize * len(text.encode())
    if work > MAX_WORK:
        raise LimitExceededError(
            f"searching this `value` for this `pattern` could take {work} steps: at most "
            f"{MAX_WORK}; search a shorter text or use a simpler pattern",
            {"limit": MAX_WORK},
        )
    if work <= IN_PLACE_WORK:
        match = pattern.search(text)
    else:  # RE2 lets other threads run while it searches
        match = await asyncio.to_thread(pattern.search, text)
    if match is None:
        details = {"expected": params.pattern, "actual": params.value}
        raise failed(params, "`pattern` matches nowhere in `value`", details)
    return Matched(matches=match.group(0), groups=list(match.groups()))


@functools.lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    size = len(pattern.encode())
    if size > MAX_PATTERN_BYTES:
        raise LimitExceededError(
            f"`pattern` is {size} bytes long: at most {MAX_PATTERN_BYTES}",
            {"limit": MAX_PATTERN_BYTES},
        )
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to standard error, past the log
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0]
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise ValidationError(f"`pattern` is no pattern of RE2: {said}") from None
