"""The pytest plugin of `opcode-core[testing]`: fixtures, and the contract suite by one line of configuration.

    [tool.pytest.ini_options]
    opcode_contract = ["opcode_action_dice"]

The line makes a test of each clause of the contract for each action of the plugin. They belong to the configuration
file: they run with a plain `pytest`, with `pytest pyproject.toml`, and where a folder is named that has it. A line
may name a file with examples, `"opcode_action_dice: tests/examples.py"`; its function `examples(room)` gives
`{"dice.roll": [Example({"dice": 2})]}`.

Nothing but pytest is imported before one of these is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from opcode_core.actions import Action
    from opcode_core.testing.clock import FakeClock
    from opcode_core.testing.contract.subject import Subject
    from opcode_core.testing.contract.suite import Check
    from opcode_core.testing.http import RecordedHttp
    from opcode_core.testing.runner import ActionRunner
    from opcode_core.testing.workbench import Ran

_OPTION = "opcode_contract"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the configuration file."""
    parser.addini(
        _OPTION,
        "plugins whose actions the contract suite checks: `module` or `module: examples.py`",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Where `testpaths` says what is collected, the configuration file is collected too."""
    source = pytest.Config.ArgsSource.TESTPATHS
    if config.inipath and config.getini(_OPTION) and config.args_source is source:
        config.args.append(str(config.inipath))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the contract's tests from the configuration file that asks for them."""
    if file_path == parent.config.inipath and parent.config.getini(_OPTION):
        contract: pytest.Collector = ContractFile.from_parent(parent, path=file_path)
        return contract
    return None


class ContractFile(pytest.File):
    """The configuration file, as what the contract's tests belong to."""

    def collect(self) -> Iterator[pytest.Collector]:
        """One collector for each action.

        Raises:
            UsageError: A line cannot be used.
        """
        from opcode_core.testing.contract.suite import ContractSetupError, subjects

        for line in self.config.getini(_OPTION):
            try:
                found = subjects(line, self.path.parent)
            except ContractSetupError as error:
                raise self.CollectError(str(error)) from None
            for subject in found:
                yield ContractAction.from_parent(self, name=subject.action.name, subject=subject)


class ContractAction(pytest.Collector):
    """An action under the contract.

    Args:
        subject: The action with its examples.
        more: What pytest gives every collector.
    """

    def __init__(self, *, subject: Subject, **more: Any) -> None:
        super().__init__(**more)
        self._subject = subject

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each clause that concerns it."""
        from opcode_core.testing.contract.suite import checks_for

        for check in checks_for(self._subject):
            yield ContractItem.from_parent(
                self, name=check.name, subject=self._subject, check=check
            )


class ContractItem(pytest.Item):
    """A clause of the contract for an action.

    Args:
        subject: The action with its examples.
        check: The clause.
        more: What pytest gives every item.
    """

    def __init__(self, *, subject: Subject, check: Check, **more: Any) -> None:
        super().__init__(**more)
        self._subject = subject
        self._check = check

    def runtest(self) -> None:
        """Check the clause; what cannot be checked is skipped with what would be needed."""
        from opcode_core.testing.contract.subject import NotCheckedError

        try:
            self._check.run(self._subject)
        except NotCheckedError as error:
            pytest.skip(f"{self._subject.action.name}: {error}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A breach is told in a sentence; anything else as pytest tells it."""
        from opcode_core.testing.contract.subject import BreachError

        if isinstance(excinfo.value, BreachError):
            clause = (self._check.run.__doc__ or "").strip()
            return f"{self._subject.action.name} breaks the contract: {clause}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What reports call it."""
        return self.path, None, f"{self._subject.action.name}: {self.name}"


@pytest.fixture
def opcode_runner(tmp_path: Path) -> Iterator[Callable[[Action], ActionRunner]]:
    """Makes runners of actions, with the test's folder as the working directory."""
    from contextlib import ExitStack

    from opcode_core.testing.runner import ActionRunner

    with ExitStack() as stack:
        yield lambda action: stack.enter_context(ActionRunner(action, tmp_path))


@pytest.fixture
def opcode_run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a definition in the test's folder (`opcode_core.testing.run_definition`)."""
    from functools import partial

    from opcode_core.testing.workbench import run_definition

    return partial(run_definition, folder=tmp_path)


@pytest.fixture
def opcode_clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    from opcode_core.testing.clock import FakeClock

    return FakeClock()


@pytest.fixture
def opcode_http() -> Iterator[RecordedHttp]:
    """An HTTP server on this machine that answers as the test says and remembers what it was asked."""
    from opcode_core.testing.http import RecordedHttp

    with RecordedHttp() as server:
        yield server
