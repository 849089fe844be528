"""CEL's functions on strings: the standard ones and the string extensions. Positions count characters."""

from __future__ import annotations

from typing import Any

from opcode_core import MAX_NODES

from opcode_expr_cel.arguments import integer, items, text
from opcode_expr_cel.errors import FailedError
from opcode_expr_cel.frame import too_large
from opcode_expr_cel.values import CelList

_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_QUOTED = str.maketrans(
    {
        "\a": r"\a",
        "\b": r"\b",
        "\f": r"\f",
        "\n": r"\n",
        "\r": r"\r",
        "\t": r"\t",
        "\v": r"\v",
        "\\": r"\\",
        '"': r"\"",
    }
)


def contains(target: Any, part: Any) -> bool:
    """`contains`: whether a string has another in it."""
    return text(part, "contains") in text(target, "contains")


def starts_with(target: Any, part: Any) -> bool:
    """`startsWith`: whether a string begins with another."""
    return text(target, "startsWith").startswith(text(part, "startsWith"))


def ends_with(target: Any, part: Any) -> bool:
    """`endsWith`: whether a string ends with another."""
    return text(target, "endsWith").endswith(text(part, "endsWith"))


def char_at(target: Any, at: Any) -> str:
    """`charAt`: the character at a position, empty at the end."""
    whole = text(target, "charAt")
    where = _position(at, len(whole), "charAt")
    return whole[where : where + 1]


def index_of(target: Any, part: Any, start: Any = 0) -> int:
    """`indexOf`: where a string first stands in another, from a position on; -1 for nowhere."""
    whole, wanted = text(target, "indexOf"), text(part, "indexOf")
    return whole.find(wanted, _position(start, len(whole), "indexOf"))


def last_index_of(target: Any, part: Any, start: Any = None) -> int:
    """`lastIndexOf`: where a string last stands in another, up to a position; -1 for nowhere."""
    whole, wanted = text(target, "lastIndexOf"), text(part, "lastIndexOf")
    if start is None:
        return whole.rfind(wanted)
    return whole.rfind(wanted, 0, _position(start, len(whole), "lastIndexOf") + len(wanted))


def join(target: Any, separator: Any = "") -> str:
    """`join`: the strings of a list as one."""
    between = text(separator, "join")
    parts = [text(one, "join") for one in items(target, "join")]
    if sum(map(len, parts)) + len(between) * len(parts) > MAX_NODES:
        raise too_large()
    return between.join(parts)


def lower_ascii(target: Any) -> str:
    """`lowerAscii`: A to Z in lower case, everything else as it is."""
    return text(target, "lowerAscii").translate(_LOWER)


def upper_ascii(target: Any) -> str:
    """`upperAscii`: a to z in upper case, everything else as it is."""
    return text(target, "upperAscii").translate(_UPPER)


def replace(target: Any, old: Any, new: Any, count: Any = -1) -> str:
    """`replace`: a string with another in the place of a third, the first `count` times."""
    whole, wanted, instead = text(target, "replace"), text(old, "replace"), text(new, "replace")
    most = integer(count, "replace")
    times = whole.count(wanted) if most < 0 else min(most, whole.count(wanted))
    if len(whole) + times * (len(instead) - len(wanted)) > MAX_NODES:
        raise too_large()
    return whole.replace(wanted, instead, most if most < 0 else times)


def split(target: Any, separator: Any, limit: Any = -1) -> CelList:
    """`split`: a string's pieces between separators, at most `limit`; its characters without one."""
    whole, between = text(target, "split"), text(separator, "split")
    most = integer(limit, "split")
    if most == 0:
        return CelList()
    if between:
        return CelList(whole.split(between, most - 1 if most > 0 else -1))
    if most < 0 or most >= len(whole):
        return CelList(whole)
    return CelList([*whole[: most - 1], whole[most - 1 :]])


def substring(target: Any, start: Any, end: Any = None) -> str:
    """`substring`: a string from a position on, up to another or to its end."""
    whole = text(target, "substring")
    stop = len(whole) if end is None else _position(end, len(whole), "substring")
    first = _position(start, len(whole), "substring")
    if first > stop:
        raise FailedError("`substring` needs a start that is not beyond its end")
    return whole[first:stop]


def trim(target: Any) -> str:
    """`trim`: a string without white space at its ends."""
    return text(target, "trim").strip(_SPACES)


def reverse(target: Any) -> str:
    """`reverse`: a string's characters, the last first."""
    return text(target, "reverse")[::-1]


def quote(target: Any) -> str:
    """`strings.quote`: a string in double quotes, with escapes where they are needed."""
    whole = text(target, "strings.quote")
    valid = whole.encode("utf-8", "replace").decode()  # half a surrogate pair becomes `?`
    return f'"{valid.translate(_QUOTED)}"'


def _position(value: Any, length: int, function: str) -> int:
    at = integer(value, function)
    if 0 <= at <= length:
        return at
    raise FailedError(f"`{function}` got a position outside of the string")
