"""JSON values compared: equal or not, and where they differ."""

from __future__ import annotations

from typing import Any

from opcode_core import compact_json, number_text, pointer

_ABSENT = object()


def type_name(value: Any) -> str:
    """The JSON name of a value's type, with its article where a sentence needs one."""
    for kinds, name in _NAMES:
        if isinstance(value, kinds):
            return name
    return "null"


_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


def scalar_text(value: Any) -> str | None:
    """The text of a scalar as a reference in a text would write it; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return "null" if value is None else None


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, but neither equals true.

    Python's own `==` is tried first: it is quick, and what it tells apart is different here too.
    Only what it calls equal may still be a number beside a boolean.
    """
    if left != right:
        return False
    if not isinstance(left, (list, dict)):
        return isinstance(left, bool) is isinstance(right, bool)
    return compact_json(left) == compact_json(right) or not differences(left, right, 1)


def differences(expected: Any, actual: Any, most: int) -> list[dict[str, Any]]:
    """Where two JSON values differ, in the order of the expected one.

    Args:
        expected: What should be.
        actual: What is.
        most: How many differences to look for.

    Returns:
        `{path, expected, actual}` for each; `path` is a JSON Pointer, and `expected` or `actual` is
        left out where there is nothing.
    """
    found: list[dict[str, Any]] = []
    stack: list[tuple[str, Any, Any]] = [("", expected, actual)]
    while stack and len(found) < most:
        path, left, right = stack.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            names = [*left, *(name for name in right if name not in left)]
            stack.extend(
                (pointer(path, name), left.get(name, _ABSENT), right.get(name, _ABSENT))
                for name in reversed(names)
            )
        elif isinstance(left, list) and isinstance(right, list):
            stack.extend(
                (pointer(path, index), _item(left, index), _item(right, index))
                for index in reversed(range(max(len(left), len(right))))
            )
        elif left != right or isinstance(left, bool) is not isinstance(right, bool):
            sides = {"expected": left, "actual": right}
            found.append({"path": path, **{k: v for k, v in sides.items() if v is not _ABSENT}})
    return found


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _ABSENT
