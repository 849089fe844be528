"""`"%s of %d".format([a, b])`, the last of CEL's string extensions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from opcode_core import MAX_NODES

from opcode_expr_cel.arguments import items, text
from opcode_expr_cel.convert import double_text, to_string, utf8
from opcode_expr_cel.errors import FailedError, a_kind
from opcode_expr_cel.frame import too_large
from opcode_expr_cel.values import CelMap, Uint, as_double, kind, plain_number

_CLAUSE = re.compile(r"%(?:(%)|(?:\.(\d{1,3}))?([a-zA-Z]))|(%)", re.ASCII)
_DEFAULT_PRECISION = 6
_MAX_PRECISION = 100
_BASES = {"b": "b", "o": "o", "x": "x", "X": "X"}


def format_(target: Any, arguments: Any) -> str:
    """`format`: a string with the items of a list in the places of its `%` clauses."""
    pattern, values = text(target, "format"), items(arguments, "format")
    parts: list[str] = []
    at = used = size = 0
    for clause in _CLAUSE.finditer(pattern):
        parts.append(pattern[at : clause.start()])
        at = clause.end()
        if clause[1]:
            parts.append("%")
            continue
        if used >= len(values):
            raise FailedError("`format` got fewer values than the text has clauses")
        parts.append(_written(clause, values[used]))
        used += 1
        size += len(parts[-1])
        if size > MAX_NODES:
            raise too_large()
    return "".join([*parts, pattern[at:]])


def _written(clause: re.Match[str], value: Any) -> str:
    letter = clause[3]
    precision = _DEFAULT_PRECISION if clause[2] is None else int(clause[2])
    if precision > _MAX_PRECISION:
        raise FailedError(f"`format` knows up to {_MAX_PRECISION} digits after the point")
    if letter in ("f", "e"):
        return _double(value, letter, precision)
    write = _CLAUSES.get(letter) if clause[2] is None else None
    if write is None:
        raise FailedError(f"`format` has no clause `{clause[0]}`: it has %s %d %f %e %b %o %x %X")
    return write(value, letter)


def _string(value: Any, letter: str) -> str:
    if isinstance(value, list):
        return f"[{_joined([_string(one, letter) for one in value])}]"
    if isinstance(value, (CelMap, Mapping)):
        pairs = sorted((_string(key, letter), _string(one, letter)) for key, one in value.items())
        return f"{{{_joined([f'{key}: {one}' for key, one in pairs])}}}"
    return to_string(value)


def _joined(parts: list[str]) -> str:
    if sum(map(len, parts)) + 2 * len(parts) > MAX_NODES:
        raise too_large()
    return ", ".join(parts)


def _decimal(value: Any, letter: str) -> str:
    if kind(value) in ("int", "uint"):
        return str(plain_number(value))
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        return double_text(value)
    raise _mismatch(value, letter)


def _double(value: Any, letter: str, precision: int) -> str:
    if kind(value) not in ("int", "uint", "double"):
        raise _mismatch(value, letter)
    number = as_double(plain_number(value))
    return f"{number:.{precision}{letter}}" if math.isfinite(number) else double_text(number)


def _based(value: Any, letter: str) -> str:
    if letter == "b" and isinstance(value, bool):
        return "1" if value else "0"
    if kind(value) == "int" or isinstance(value, Uint):
        return format(int(plain_number(value)), _BASES[letter])
    if letter in ("x", "X") and isinstance(value, (str, bytes)):
        digits = (utf8(value) if isinstance(value, str) else value).hex()
        return digits if letter == "x" else digits.upper()
    raise _mismatch(value, letter)


_CLAUSES: dict[str, Callable[[Any, str], str]] = {
    "s": _string,
    "d": _decimal,
    **dict.fromkeys(_BASES, _based),
}


def _mismatch(value: Any, letter: str) -> FailedError:
    return FailedError(f"`%{letter}` cannot write {a_kind(value)}")
