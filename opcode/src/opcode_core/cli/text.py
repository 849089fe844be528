"""Showing text from outside on a terminal: what it says, never what it would do to the terminal."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from typing import Any, NoReturn

from opcode_core.errors import OpcodeError
from opcode_core.jsonio import compact_json
from opcode_core.logs import visible

_DANGEROUS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
DONE, FAILED, BAD_USAGE, SUSPENDED, INTERRUPTED = 0, 1, 2, 3, 130


def plain(text: object, *, lines: bool = False) -> str:
    """A text with everything that a terminal would act on written as its code.

    Args:
        text: Anything; its text is taken.
        lines: Whether line ends and tabs stay as they are.
    """
    return "".join(_shown(character, lines=lines) for character in str(text))


def _shown(character: str, *, lines: bool) -> str:
    if character == " " or (lines and character in "\n\t"):
        return character
    if unicodedata.category(character) in _DANGEROUS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def brief(value: Any, most: int = 60) -> str:
    """A JSON value on one line, shortened."""
    text = value if isinstance(value, str) else compact_json(value)
    shown = plain(text[: most * 2])
    return shown if len(shown) <= most and len(text) <= most * 2 else shown[: most - 1] + "…"


def console(*, stderr: bool = False) -> Any:
    """A console that colours only what a person sees."""
    from rich.console import Console

    return Console(
        stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty(), no_color=_no_color()
    )


def _no_color() -> bool | None:
    return True if os.environ.get("NO_COLOR") else None


def print_json(value: Any) -> None:
    """Write one JSON document for machines; what a terminal would act on is escaped as JSON escapes it."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    sys.stdout.write("\n".join(map(visible, lines)) + "\n")


def stop(message: str, code: int) -> NoReturn:
    """End the command with a message for people on standard error; its further lines are set in, so that none poses."""
    shown = plain(message, lines=True).replace("\n", "\n  ")
    sys.stderr.write(f"opcode: {shown}\n")
    raise SystemExit(code)


def stop_for(error: OpcodeError) -> NoReturn:
    """End the command because of one of our errors."""
    stop(
        error.message,
        BAD_USAGE if error.code in ("VALIDATION_ERROR", "NOT_FOUND", "LIMIT_EXCEEDED") else FAILED,
    )
