"""The grammar of `${{ … }}`: where one begins and ends in a text, and whether it holds a path or an expression.

text       = { anything | "$${{" | "${{" inside "}}" }        "$${{" is a literal "${{"
inside     = path | expression
path       = namespace { "." segment | "[" digits "]" | "[" quoted "]" }
segment    = one or more of A-Z a-z 0-9 _ -
expression = anything else; its end is the first "}}" outside of quotes and braces
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMESPACES = ("steps", "inputs", "workflow", "context", "secrets", "loop")
"""What a path may begin with; `iter` is another word for `loop`."""
_CONSTANTS = frozenset({"true", "false", "null"})

Path = tuple[str | int, ...]

_OPEN = "${{"
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_STEP = re.compile(rf"\.([A-Za-z0-9_-]+)|\[(\d{{1,9}})\]|\[\s*({_QUOTED})\s*\]", re.DOTALL)
_PATH = re.compile(
    rf"({_NAME})((?:\.[A-Za-z0-9_-]+|\[\d{{1,9}}\]|\[\s*(?:{_QUOTED})\s*\])*)", re.DOTALL
)
_END = re.compile(r"'''|\"\"\"|['\"{]|\}\}|\}", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class ReferenceSyntaxError(Exception):
    """A `${{ }}` that cannot be read.

    Args:
        message: What is wrong and what to write instead.
        offset: Where in the text, in characters from 0.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${{ … }}`.

    Attributes:
        source: What stands between the braces, without the space around it.
        offset: Where `source` begins in the text, in characters.
        path: The path it holds, namespace first; None when it is an expression.
    """

    source: str
    offset: int
    path: Path | None


Piece = str | Reference


def has_reference(text: str) -> bool:
    """Whether a text may hold a reference or an escaped one: a quick look that never says no wrongly."""
    return _OPEN in text


def parse_text(text: str) -> list[Piece]:
    """Split a text into its literal pieces and its references.

    Returns:
        The pieces in order; literal ones are not empty and have `$${{` replaced by `${{`.

    Raises:
        ReferenceSyntaxError: A reference has no end, or nothing in it.
    """
    pieces: list[Piece] = []
    literal = ""
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        if start > position and text[start - 1] == "$":
            literal += text[position : start - 1] + _OPEN
            position = start + len(_OPEN)
            continue
        literal += text[position:start]
        end = _find_end(text, start)
        inside = text[start + len(_OPEN) : end]
        source = inside.strip()
        if not source:
            raise ReferenceSyntaxError(
                "`${{ }}` is empty: write what to read, such as ${{inputs.name}}", start
            )
        if literal:
            pieces.append(literal)
            literal = ""
        offset = start + len(_OPEN) + len(inside) - len(inside.lstrip())
        pieces.append(Reference(source, offset, parse_path(source)))
        position = end + 2
    literal += text[position:]
    if literal:
        pieces.append(literal)
    return pieces


def parse_path(source: str) -> Path | None:
    """Read a plain path such as `steps.fetch.output["any key"][0]`.

    Returns:
        Its segments; None when the source is no plain path but an expression.
    """
    match = _PATH.fullmatch(source)
    if match is None or match[1] in _CONSTANTS:
        return None
    segments: list[str | int] = [match[1]]
    for step in _STEP.finditer(match[2]):
        dotted, index, quoted = step.groups()
        if dotted is not None:
            segments.append(dotted)
        elif index is not None:
            segments.append(int(index))
        else:
            segments.append(_ESCAPE.sub(r"\1", quoted[1:-1]))
    if segments[0] == "iter":
        segments[0] = "loop"
    return tuple(segments)


def path_text(path: Path) -> str:
    """Write a path the way it would be written in a reference."""
    text = str(path[0])
    for segment in path[1:]:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", segment):
            text += f".{segment}"
        else:
            text += "['" + segment.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return text


def _find_end(text: str, start: int) -> int:
    """The position of the `}}` that ends the reference opened at `start`."""
    depth = 0
    position = start + len(_OPEN)
    while match := _END.search(text, position):
        found = match[0]
        position = match.end()
        if found == "{":
            depth += 1
        elif found == "}}" and depth == 0:
            return match.start()
        elif found in ("}", "}}"):
            depth = max(0, depth - 1)
            position = match.start() + 1
        else:
            position = _after_quote(text, position, found)
    raise ReferenceSyntaxError("`${{` has no closing `}}`; for a literal `${{` write `$${{`", start)


def _after_quote(text: str, position: int, quote: str) -> int:
    while (at := text.find(quote, position)) >= 0:
        backslashes = len(text[position:at]) - len(text[position:at].rstrip("\\"))
        if backslashes % 2 == 0:
            return at + len(quote)
        position = at + 1
    return len(text)
