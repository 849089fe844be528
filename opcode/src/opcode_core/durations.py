"""Durations as definitions write them: Go's syntax, with days."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_PIECE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PIECE.pattern})+")
MAX_SECONDS = 100 * 365 * 86400.0
"""The longest duration: a hundred years."""


def parse_duration(text: str) -> float:
    """Read a duration such as `300ms`, `1.5s`, `1h30m` or `2d`.

    Returns:
        Seconds.

    Raises:
        ValueError: It is no duration; the message says how one is written.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is no duration: write a number with a unit, such as 300ms, 1.5s, 5m, 1h30m or 2d"
        )
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a duration for people, with at most two units: `1h30m`, `2.5s`, `300ms`, `85µs`."""
    if seconds < 0.001:  # noqa: PLR2004 - a millisecond
        return f"{seconds * 1e6:.0f}µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g}ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.3g}s"
    rest = round(seconds)
    pieces = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces[:2])
