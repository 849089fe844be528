"""Kinds of values that settings have: what is accepted, and what is said about anything else."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opcode_core.durations import parse_duration


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting's value may be.

    Attributes:
        expected: In words, after "expected".
        accepts: Whether a value is one.
    """

    expected: str
    accepts: Callable[[Any], bool]


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _are_networks(value: Any) -> bool:
    if not _are_names(value):
        return False
    try:
        for item in value:
            ipaddress.ip_network(item)
    except ValueError:
        return False
    return True


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_duration(value) > 0
    except ValueError:
        return False


FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NAMES = Kind('a list of names such as ["shell"]', _are_names)
NETWORKS = Kind('a list of networks such as ["10.1.0.0/16"]', _are_networks)
DURATION = Kind('a duration such as "30d"', _is_duration)


def whole(least: int, most: int) -> Kind:
    """A whole number in a range, both ends included."""

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Kind(f"a whole number from {least} to {most}", accepts)


def number(least: float, most: float) -> Kind:
    """A number in a range, both ends included."""

    def accepts(value: Any) -> bool:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and least <= value <= most

    return Kind(f"a number from {least:g} to {most:g}", accepts)


def choice(*choices: str) -> Kind:
    """One of several texts."""
    return Kind(f"one of {', '.join(choices)}", lambda value: value in choices)
