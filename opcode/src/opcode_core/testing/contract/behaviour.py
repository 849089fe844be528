"""What an action gives, raises and writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from opcode_core.actions import Effect
from opcode_core.errors import OpcodeError
from opcode_core.testing.attempts import Outcome
from opcode_core.testing.contract.subject import BreachError, NotCheckedError, Subject, Trial
from opcode_core.testing.parameters import problems_of
from opcode_core.testing.quiet import captured_stdout

_ODD_TEXTS = ("", "\0", "é\u202e\n", "%s{0}$", "../" * 8, "9" * 400)
_ODD_NUMBERS = (0, -1, 2**63 - 1)
_MARK = "OPCODE-SECRET-5f1d7c"
_TRACES = ("Traceback (most recent call last)", 'File "')


def output(subject: Subject) -> None:
    """What it gives is what it declares, and JSON."""
    refused: list[str] = []
    succeeded = False
    for trial in subject.trials():
        outcome = trial.run()
        if outcome.error is None:
            succeeded = True
            _judge(subject, outcome)
        elif outcome.returned is not None:
            raise BreachError(f"{outcome.error.message}: give an `Output`, or plain JSON")
        elif trial.derived and isinstance(outcome.raised, OpcodeError):
            refused.append(f"{trial.shown} gives {outcome.error.code}: {outcome.error.message}")
        trial.insist(outcome)
    if refused and not succeeded:
        raise NotCheckedError(subject.needed(f"of those derived from its schema {refused[0]}"))


def _judge(subject: Subject, outcome: Outcome) -> None:
    """Compare an output with what was declared."""
    declared = subject.action.output
    if declared is None:
        return
    if not isinstance(outcome.returned, declared):
        name = type(outcome.returned).__name__
        raise BreachError(
            f"it declares {declared.__name__} and gives {name}: return the one, or annotate the other"
        )
    schema = declared.model_json_schema(by_alias=True)
    wrong = next(jsonschema_rs.Draft202012Validator(schema).iter_errors(outcome.output), None)
    if wrong is not None:
        where = "".join(f"/{step}" for step in wrong.instance_path)
        raise BreachError(
            f"its output is not what its schema says, at {where or '/'}: {str(wrong).splitlines()[0]}"
        )


def errors(subject: Subject) -> None:
    """What it raises is an error of OPCODE, written for the reader who must act."""
    for trial in subject.trials():
        for params in _odd(subject, trial):
            outcome = trial.run(params)
            if outcome.error is None:
                continue
            odd = sorted(name for name in params if params[name] != trial.example.params.get(name))
            about = f" for an odd `{'`, `'.join(odd)}`" if odd else f" for {trial.shown}"
            if not isinstance(outcome.raised, OpcodeError):
                raise BreachError(
                    f"it raised {type(outcome.raised).__name__}{about}: {outcome.error.message}. Raise one of the "
                    "errors that opcode_core exports, saying what was found and what to write instead"
                )
            text = json.dumps(outcome.error.to_json(), default=repr)
            if not outcome.error.message.strip() or any(trace in text for trace in _TRACES):
                raise BreachError(
                    f"the message of its error{about} is empty or a traceback: say what was found and what to do"
                )


def secrets(subject: Subject) -> None:
    """What may be a secret is in no error, log line, event or output."""
    for trial in subject.trials():
        for name in sorted(subject.action.secrets):
            for params in _marked(trial.example.params, name):
                said = [problem.message for problem in problems_of(subject.action, params)]
                _look(name, "what `define` says", said)
                outcome = trial.run(params)
                _look_at(trial, name, outcome)


def standard_output(subject: Subject) -> None:
    """It writes nothing to standard output."""
    for trial in subject.trials():
        with captured_stdout() as written:
            trial.run()
        if written:
            raise BreachError(
                f"it wrote {bytes(written[:60])!r} to standard output, which belongs to the server's protocol: use "
                "`context.log`"
            )


def _odd(subject: Subject, trial: Trial) -> Iterator[Mapping[str, Any]]:
    """The example's parameters, and for a pure action the same with odd values, as far as they are taken."""
    base = trial.example.params
    yield base
    for name in subject.schema.get("properties", {}):
        value = base.get(name)
        odd: tuple[Any, ...] = ()
        if isinstance(value, str) and "${{" not in value:
            odd = _ODD_TEXTS
        elif isinstance(value, int) and not isinstance(value, bool):
            odd = _ODD_NUMBERS
        for one in odd:
            params = {**base, name: one}
            try:
                pure = trial.effect_of(params) is Effect.PURE
            except OpcodeError:
                continue  # it is refused before the action is called
            if pure:
                yield params


def _marked(params: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The parameters with a mark where a secret may stand, in every shape."""
    value = params.get(name)
    shapes: list[Any] = [_MARK, {"mark": _MARK}, [_MARK], [[_MARK]]]
    if isinstance(value, str):
        shapes += [value + _MARK]
    elif isinstance(value, Mapping):
        shapes += [{**value, key: _MARK} for key in value]
    for shape in shapes:
        yield {**params, name: shape}


def _look_at(trial: Trial, name: str, outcome: Outcome) -> None:
    if outcome.error is not None:
        _look(name, "its error", [outcome.error.to_json()])
    _look(name, "its log", outcome.lines)
    _look(name, "its events", outcome.events)
    if name not in trial.example.shows:
        _look(name, "its output", [outcome.output])


def _look(name: str, what: str, said: list[Any]) -> None:
    if _MARK in json.dumps(said, default=repr):
        raise BreachError(
            f"{what} holds the value of `{name}`, which may be a secret: leave it out"
            + (
                f"; an output that holds it on purpose has an example with `shows=({name!r},)`"
                if what == "its output"
                else ""
            )
        )
