"""Time zones by their names."""

from __future__ import annotations

import zoneinfo
from functools import cache

from opcode_core.suggest import nearest

_NOT_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_COPIES = ("posix/", "right/")
_SHOWN = 60


class UnknownZoneError(ValueError):
    """A name that is no time zone's.

    Args:
        message: What is wrong.
        meant: The zone that was probably meant; None when none is near.
    """

    def __init__(self, message: str, meant: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.meant = meant


def find_zone(name: str) -> zoneinfo.ZoneInfo:
    """Give a time zone.

    Args:
        name: As in the IANA database, such as `Europe/Madrid`.

    Raises:
        UnknownZoneError: There is none of this name.
    """
    if name not in _NOT_ZONES and not name.startswith(_COPIES):
        try:
            return zoneinfo.ZoneInfo(name)
        except (
            KeyError,
            ValueError,
            OSError,
        ):  # OSError: a folder such as `Europe`, or too long a name
            pass
    meant = _meant(name) if len(name) <= _SHOWN else None
    raise UnknownZoneError(f"there is no time zone `{name[:_SHOWN]}`", meant)


def _meant(name: str) -> str | None:
    """The nearest name, or the zone of the city that is named alone."""
    names = _names()
    city = name.rpartition("/")[2].lower().replace(" ", "_")
    there = [one for one in names if city and one.rpartition("/")[2].lower() == city]
    return there[0] if len(there) == 1 else nearest(name, names)


@cache
def _names() -> tuple[str, ...]:
    """All names; finding them opens every file of the database."""
    return tuple(sorted(zoneinfo.available_timezones() - _NOT_ZONES))
