"""Measuring: repeated runs, medians, and the figures with their targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured.
        value: The median of the runs, or the one value there is.
        unit: Its unit.
        least: The smallest of the runs.
        most: The largest of the runs.
        target: What it is held to; None for nothing.
        at_least: Whether the target is a least value rather than a most.
        note: What else there is to say.
    """

    name: str
    value: float
    unit: str
    least: float
    most: float
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def to_json(self) -> dict[str, Any]:
        """The figure for the JSON file."""
        return {**asdict(self), "met": self.met}


_IN_A_SECOND = {"ms": 1e3, "µs": 1e6}


def figure(
    name: str,
    seconds: Sequence[float],
    target: float | None = None,
    note: str = "",
    unit: str = "ms",
) -> Figure:
    """A figure of the times of several runs, in milliseconds or microseconds."""
    times = [second * _IN_A_SECOND[unit] for second in seconds]
    return Figure(name, statistics.median(times), unit, min(times), max(times), target, note=note)


def single(name: str, value: float, unit: str, target: float | None = None, **more: Any) -> Figure:
    """A figure of one value."""
    return Figure(name, value, unit, value, value, target, **more)


def ratio(name: str, one: Figure, other: Figure, target: float, note: str = "") -> Figure:
    """How many times the one the other is, by their medians."""
    return single(name, one.value / other.value, "times", target, note=note)


def table(title: str, figures: Sequence[Figure]) -> None:
    """Print figures for people."""
    print(f"\n{title}")
    print(f"  {'':52} {'median':>9} {'min':>9} {'max':>9}  {'target':>9}")
    for one in figures:
        goal = "" if one.target is None else f"{'≥' if one.at_least else '≤'} {one.target:g}"
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        numbers = " ".join(f"{_short(value):>9}" for value in (one.value, one.least, one.most))
        print(f"  {one.name:52} {numbers}  {goal:>9} {one.unit:6} {verdict:7}{one.note}")


def _short(value: float) -> str:
    """A number with about four figures that count."""
    return f"{value:.{3 if abs(value) < 10 else 2 if abs(value) < 100 else 1}f}"
