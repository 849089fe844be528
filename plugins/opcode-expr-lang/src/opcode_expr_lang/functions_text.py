"""Functions of texts. What they produce is counted before it is made."""

from __future__ import annotations

from typing import Any

from opcode_core import ExecutionError

from opcode_expr_lang.frame import Frame, charge, charge_text, check_time
from opcode_expr_lang.values import Array, array, text, whole

_FEW = 64
"""Up to so many characters to trim are looked for one by one."""
_CHUNK = 4096


def trim(frame: Frame, value: Any, characters: Any = " \t\n\v\f\r\x85\xa0") -> str:
    """`trim`: without the given characters at both ends, white space if none are given."""
    subject = text(value, "trim")
    charge_text(frame, len(subject))
    unwanted = text(characters, "trim")
    if len(unwanted) <= _FEW:
        return subject.strip(unwanted)
    return _stripped(frame, subject, frozenset(unwanted))


def trim_prefix(frame: Frame, value: Any, prefix: Any = " ") -> str:
    """`trimPrefix`."""
    subject = text(value, "trimPrefix")
    charge_text(frame, len(subject))
    return subject.removeprefix(text(prefix, "trimPrefix"))


def trim_suffix(frame: Frame, value: Any, suffix: Any = " ") -> str:
    """`trimSuffix`."""
    subject = text(value, "trimSuffix")
    charge_text(frame, len(subject))
    return subject.removesuffix(text(suffix, "trimSuffix"))


def upper(frame: Frame, value: Any) -> str:
    """`upper`."""
    subject = text(value, "upper")
    charge_text(frame, len(subject))
    return subject.upper()


def lower(frame: Frame, value: Any) -> str:
    """`lower`."""
    subject = text(value, "lower")
    charge_text(frame, len(subject))
    return subject.lower()


def split(frame: Frame, value: Any, separator: Any, most: Any = -1) -> Array:
    """`split`: at most so many pieces, all of them below 0."""
    return Array(_pieces(frame, "split", value, separator, most))


def split_after(frame: Frame, value: Any, separator: Any, most: Any = -1) -> Array:
    """`splitAfter`: the same, the separator staying with the piece before it."""
    pieces = _pieces(frame, "splitAfter", value, separator, most)
    charge_text(frame, len(value) + len(separator))
    return Array([*(piece + separator for piece in pieces[:-1]), *pieces[-1:]])


def replace(frame: Frame, value: Any, old: Any, new: Any, most: Any = -1) -> str:
    """`replace`: the first so many, all of them below 0."""
    subject, before, after = (text(one, "replace") for one in (value, old, new))
    times = whole(most, "replace")
    charge_text(frame, len(subject))
    found = subject.count(before)
    if times >= 0:
        found = min(found, times)
    charge_text(frame, max(found * (len(after) - len(before)), 0))
    return subject.replace(before, after, found)


def repeat(frame: Frame, value: Any, times: Any) -> str:
    """`repeat`."""
    subject, count = text(value, "repeat"), whole(times, "repeat")
    if count < 0:
        raise ExecutionError("`repeat` needs a number that is not negative")
    charge_text(frame, len(subject) * count)
    return subject * count


def join(frame: Frame, value: Any, glue: Any = "") -> str:
    """`join`."""
    items, between = array(value, "join"), text(glue, "join")
    charge(frame, len(items))
    pieces = [text(item, "join") for item in items]
    charge_text(frame, sum(map(len, pieces)) + len(between) * max(len(pieces) - 1, 0))
    return between.join(pieces)


def index_of(frame: Frame, value: Any, part: Any) -> int:
    """`indexOf`: in characters, -1 if it is not there."""
    check_time(frame)
    return text(value, "indexOf").find(text(part, "indexOf"))


def last_index_of(frame: Frame, value: Any, part: Any) -> int:
    """`lastIndexOf`."""
    check_time(frame)
    return text(value, "lastIndexOf").rfind(text(part, "lastIndexOf"))


def has_prefix(_: Frame, value: Any, prefix: Any) -> bool:
    """`hasPrefix`."""
    return text(value, "hasPrefix").startswith(text(prefix, "hasPrefix"))


def has_suffix(_: Frame, value: Any, suffix: Any) -> bool:
    """`hasSuffix`."""
    return text(value, "hasSuffix").endswith(text(suffix, "hasSuffix"))


def _stripped(frame: Frame, subject: str, unwanted: frozenset[str]) -> str:
    first, last = 0, len(subject)
    while first < last and subject[first] in unwanted:
        first += 1
        if first % _CHUNK == 0:
            check_time(frame)
    while first < last and subject[last - 1] in unwanted:
        last -= 1
        if last % _CHUNK == 0:
            check_time(frame)
    return subject[first:last]


def _pieces(frame: Frame, name: str, value: Any, separator: Any, most: Any) -> list[str]:
    subject, between, limit = text(value, name), text(separator, name), whole(most, name)
    charge_text(frame, len(subject))
    if limit == 0:
        return []
    if not between:
        count = len(subject) if limit < 0 else min(limit, len(subject))
        charge(frame, count)
        return [*subject[: count - 1], subject[count - 1 :]] if count else []
    charge(frame, subject.count(between) + 1)
    return subject.split(between, limit - 1 if limit > 0 else -1)
