"""All checks of the contract, and how a plugin's actions come under them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opcode_core.actions import Action, Effect
from opcode_core.testing.contract import behaviour, declared, effects, endings, refusals
from opcode_core.testing.contract.subject import Examples, Subject
from opcode_core.testing.plugins import contribution_of


def _always(action: Action) -> bool:  # noqa: ARG001 - what it is called with is the same for all
    return True


def _may_be(*effects: Effect) -> Callable[[Action], bool]:
    return lambda action: not isinstance(action.effect, Effect) or action.effect in effects


def _is(*kinds: str) -> Callable[[Action], bool]:
    return lambda action: action.kind in kinds


@dataclass(frozen=True, slots=True)
class Check:
    """One clause of the contract.

    Attributes:
        run: Checks it; its docstring is the clause.
        concerns: Whether it has anything to say about an action.
    """

    run: Callable[[Subject], None]
    concerns: Callable[[Action], bool] = _always

    @property
    def name(self) -> str:
        """Its name, as test reports have it."""
        return self.run.__name__


CHECKS = (
    Check(declared.name),
    Check(declared.documentation),
    Check(declared.described),
    Check(declared.schemas),
    Check(declared.named_parameters),
    Check(refusals.unknown_parameter),
    Check(refusals.wrong_types),
    Check(refusals.missing_parameters),
    Check(behaviour.output),
    Check(behaviour.errors),
    Check(behaviour.secrets, lambda action: bool(action.secrets)),
    Check(behaviour.standard_output),
    Check(effects.effect, _may_be(Effect.PURE)),
    Check(effects.twice, _may_be(Effect.IDEMPOTENT)),
    Check(endings.promptness, _is("inline", "async")),
    Check(endings.timeout, _is("thread", "async")),
    Check(endings.cancellation, _is("async")),
)
"""Every clause."""


class ContractSetupError(Exception):
    """A line of `opcode_contract` that cannot be used; the message says why."""


def subjects(line: str, root: Path) -> list[Subject]:
    """The actions that a line of the configuration puts under the contract.

    Args:
        line: `module`, or `module: examples.py`.
        root: Where the path of the examples begins.

    Raises:
        ContractSetupError: The module or the examples cannot be used, or the module brings no action.
    """
    package, _, path = (part.strip() for part in line.partition(":"))
    try:
        actions = contribution_of(importlib.import_module(package)).actions
    except ImportError as error:
        raise ContractSetupError(
            f"opcode_contract: {package} cannot be imported ({error}): install the plugin, as by `pip install -e .`"
        ) from None
    except ValueError as error:
        raise ContractSetupError(f"opcode_contract: {error}") from None
    if not actions:
        raise ContractSetupError(f"opcode_contract: {package} registers no action")
    examples = _examples(root / path) if path else None
    return [Subject(action, package, examples) for action in actions]


def checks_for(subject: Subject) -> Iterator[Check]:
    """The clauses that concern an action."""
    return (check for check in CHECKS if check.concerns(subject.action))


def _examples(path: Path) -> Examples:
    if not path.is_file():
        raise ContractSetupError(f"opcode_contract: there are no examples at {path}")
    spec = importlib.util.spec_from_file_location(f"opcode_contract_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ContractSetupError(f"opcode_contract: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Examples | None = getattr(module, "examples", None)
    if not callable(found):
        raise ContractSetupError(
            f"opcode_contract: {path} has no function `examples(room)` that gives `{{action: [Example(…)]}}`"
        )
    return found
