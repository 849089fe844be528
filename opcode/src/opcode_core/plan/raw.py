"""A step whose members were checked one by one, before its type sees it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class RawStep:
    """A step whose members were checked one by one.

    Attributes:
        id: Its id; made up and unusable when the definition's cannot be used.
        at: Where it stands, as a JSON Pointer.
        raw: Its members as written.
        good: Those of its members that are as they should be, durations as seconds.
        usable: Whether the id may be referred to.
        outward: The fallback steps that steps nested in it name and that are not beside those.
        depends_on: The ids it depends on that exist.
        mended: What `depends_on` is when everything in it is mended that can be.
        missing: The ids that fixes add to it.
    """

    id: str
    at: str
    raw: Mapping[str, Any]
    good: dict[str, Any]
    usable: bool
    outward: frozenset[str] = frozenset()
    depends_on: list[str] = field(default_factory=list)
    mended: list[Any] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def fallback(self) -> str | None:
        """The id of the step that stands in for it, if it says one."""
        handler = self.good.get("on_error")
        if isinstance(handler, dict) and handler.get("strategy") == "fallback_step":
            return handler.get("fallback_step")
        return None

    @property
    def waits_for_others(self) -> bool:
        """Whether it says anything about an order: dependencies, or steps that stand in for it."""
        return bool(self.depends_on or self.outward or "on_error" in self.good)

    def fallbacks_among(self, ids: Container[str]) -> list[str]:
        """The steps of its list that stand in for it, or for one nested in it."""
        own = () if self.fallback is None else (self.fallback,)
        named = dict.fromkeys([*own, *sorted(self.outward)])
        return [name for name in named if name in ids and name != self.id]


def outward_fallbacks(value: Any) -> frozenset[str]:
    """The fallback steps named anywhere in a value that are not beside the step that names them.

    Args:
        value: A part of a definition: what is a list of steps in it only its step type knows, so every list counts.
    """
    if isinstance(value, (str, int, float, bool, type(None))):
        return _NONE
    if isinstance(value, (dict, Mapping)):
        found = _NONE.union(*map(outward_fallbacks, value.values()))
        handler = value.get("on_error")
        target = handler.get("fallback_step") if isinstance(handler, Mapping) else None
        return found | {target} if isinstance(target, str) else found
    if isinstance(value, list):
        ids = [item.get("id") for item in value if isinstance(item, Mapping)]
        beside = {name for name in ids if isinstance(name, str)}
        return _NONE.union(*map(outward_fallbacks, value)) - beside
    return _NONE
