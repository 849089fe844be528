"""What authors of plugins use in their tests: a runner for one action, definitions run whole, a contract suite.

There are also a clock that stands still and an HTTP server that remembers. With pytest installed (`pip install
"opcode-core[testing]"`) there are fixtures of the same things, and one line in its configuration runs the suite; see
`opcode_core.testing.pytest_plugin`. Names are loaded when first used: a test run that uses none pays for none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opcode_core.testing.attempts import Attempt as Attempt, Outcome as Outcome
    from opcode_core.testing.clock import FakeClock as FakeClock
    from opcode_core.testing.context import RecordedContext as RecordedContext
    from opcode_core.testing.contract.subject import Example as Example, Room as Room
    from opcode_core.testing.http import (
        RecordedHttp as RecordedHttp,
        RecordedRequest as RecordedRequest,
        Reply as Reply,
    )
    from opcode_core.testing.runner import ActionRunner as ActionRunner
    from opcode_core.testing.workbench import (
        Ran as Ran,
        Workbench as Workbench,
        open_workbench as open_workbench,
        run_definition as run_definition,
    )

_HOMES = {
    "clock": "FakeClock",
    "context": "RecordedContext",
    "contract.subject": "Example Room",
    "http": "RecordedHttp RecordedRequest Reply",
    "attempts": "Attempt Outcome",
    "runner": "ActionRunner",
    "workbench": "Ran Workbench open_workbench run_definition",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [  # noqa: PLE0604 - the names above, from the one table that also loads them
    *sorted(_HOME_OF)
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"opcode_core.testing has no {name!r}")
    value = getattr(importlib.import_module(f"opcode_core.testing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
