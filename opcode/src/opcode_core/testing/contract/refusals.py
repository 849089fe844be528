"""What an action must not take: unknown parameters, wrong types, too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pydantic

from opcode_core.lent import ActionSource
from opcode_core.model.problems import Problem, pointer
from opcode_core.testing.contract.subject import BreachError, Subject
from opcode_core.testing.derive import SAMPLES, types_of
from opcode_core.testing.parameters import problems_of

_UNKNOWN = "no_such_parameter"


def unknown_parameter(subject: Subject) -> None:
    """A parameter that does not exist is refused where it stands."""
    if not _found(subject, {_UNKNOWN: 1}, _UNKNOWN, ("UNKNOWN_FIELD",)):
        raise BreachError(
            "it takes a parameter that does not exist, so a misspelt one is lost without a word: let its parameters "
            "be a subclass of `Params` that keeps `extra` as it is"
        )


def wrong_types(subject: Subject) -> None:
    """A value whose type the schema does not name is refused where it stands."""
    schema = subject.schema
    for name, member in schema.get("properties", {}).items():
        right = types_of(member, schema)
        for kind, sample in SAMPLES.items():
            if kind in right:
                continue
            if not _found(subject, {name: sample}, name, ("WRONG_TYPE", "INVALID_VALUE")):
                raise BreachError(
                    f"its schema says that `{name}` is {' or '.join(sorted(right))}, and {kind} is taken, or refused "
                    f"elsewhere than at /{name}: annotate it with what it takes, and convert nothing"
                )


def missing_parameters(subject: Subject) -> None:
    """A required parameter that is not given is refused by its name."""
    schema = subject.schema
    for name in schema.get("required", ()):
        if not _found(subject, {}, name, ("MISSING_FIELD",)):
            raise BreachError(
                f"its schema says that `{name}` is required, and without it nothing is said at /{name}"
            )


def _found(subject: Subject, params: dict[str, Any], name: str, codes: tuple[str, ...]) -> bool:
    """Whether `define` says something of these codes at a parameter or below it."""
    at = pointer("", name)
    return any(
        one.code in codes and (one.path == at or one.path.startswith(at + "/"))
        for one in _problems(subject, params)
    )


def _problems(subject: Subject, params: dict[str, Any]) -> list[Problem]:
    """What `define` says, as long as the action's own validators and check do not fall over.

    Raises:
        BreachError: They do.
    """
    raised: list[Exception] = []
    action = subject.action
    own = action.check

    def check(source: ActionSource) -> list[Problem]:
        try:
            return [] if own is None else list(own(source))
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            raised.append(error)
            return []

    try:
        action.params.model_validate(params)
    except pydantic.ValidationError:
        pass
    except Exception as error:  # noqa: BLE001 - the same
        raised.append(error)
    found = problems_of(replace(action, check=check), params)
    if raised:
        raise BreachError(
            f"its validators or its `check` raised {type(raised[0]).__name__} for {params!r}: they are given "
            "parameters as they are written, wrong or missing ones too; a validator says what is wrong by a ValueError"
        )
    return found
