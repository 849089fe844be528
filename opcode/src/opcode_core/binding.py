"""An action and the parameters a step gives it: compiled when planned, resolved and checked for each attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from opcode_core.actions import Action, Effect, Params
from opcode_core.effects import known_effect
from opcode_core.errors import LimitExceededError, ValidationError
from opcode_core.jsonio import read_json, type_name, write_json
from opcode_core.model.problems import ProblemCode, pointer
from opcode_core.references.resolve import text_of
from opcode_core.references.tree import Node, child
from opcode_core.suggest import hint_for
from opcode_core.touches import touches_of

_SMALL = 4096

_EXPECTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "list_type": "an array",
    "none_required": "null",
}


@dataclass(frozen=True, slots=True)
class BoundAction:
    """An action with the parameters a step gives it.

    Attributes:
        action: The action.
        tree: The parameters, with their references.
        ready: The checked parameters, when there is no reference in them and nobody can change them; else None.
        quick: Whether resolving them takes a time bounded by their own size.
        most_bytes: How large they may be once resolved, as JSON.
    """

    action: Action
    tree: Node
    ready: Params | None = None
    quick: bool = True
    most_bytes: int = 4 << 20

    def arguments(
        self, variables: Mapping[str, Any], replacement: Mapping[str, Any] | None = None
    ) -> Params:
        """Resolve and check the parameters.

        Args:
            variables: What references read.
            replacement: Parameters to use instead of the definition's; None for none.

        Raises:
            InterpolationError: A reference leads nowhere.
            ValidationError: A value is not what the action takes; `details.issues` says where.
            LimitExceededError: They are larger than `most_bytes` as JSON.
        """
        if replacement is not None:
            return self._checked(_own(dict(replacement), self.most_bytes), coerce=False)
        if self.ready is not None:
            return self.ready
        return self._checked(_own(self.tree.resolve(variables), self.most_bytes), coerce=True)

    @property
    def in_place(self) -> bool:
        """Whether it runs without waiting for anything, its parameters included."""
        return self.action.in_place and self.quick

    @property
    def effect(self) -> Effect:
        """What running it twice does, as far as the definition shows."""
        return known_effect(self.action, self.tree)

    def touches(self) -> list[dict[str, Any]]:
        """What of the outside world it names: `[{kind, value, certain}]`."""
        return touches_of(self.action, self.tree)

    def _checked(self, values: dict[str, Any], *, coerce: bool) -> Params:
        for _ in range(2):
            try:
                return self.action.params.model_validate(values)
            except pydantic.ValidationError as error:
                found = error
                values, changed = self._as_text(values, error) if coerce else (values, False)
                if not changed:
                    break
        issues = [
            {"path": issue.path, "code": issue.code, "message": issue.message, **issue.hinted()}
            for issue in describe(found, values)
        ]
        text = "; ".join(f"{issue['path'] or '/'}: {issue['message']}" for issue in issues[:5])
        raise ValidationError(
            f"{self.action.name} cannot take these parameters: {text}", {"issues": issues}
        )

    def _as_text(
        self, values: dict[str, Any], error: pydantic.ValidationError
    ) -> tuple[dict[str, Any], bool]:
        """Turn numbers and booleans that references brought in into text where text is wanted."""
        changed = False
        for line in error.errors(include_url=False, include_input=False, include_context=False):
            if line["type"] != "string_type":
                continue
            location = resolve_location(values, line["loc"])
            if not location or not self._is_brought_in(location):
                continue
            parent: Any = values
            for segment in location[:-1]:
                parent = parent[segment]
            value = parent[location[-1]]
            if isinstance(value, (bool, int, float)):
                parent[location[-1]] = text_of(value)
                changed = True
        return values, changed

    def _is_brought_in(self, location: tuple[str | int, ...]) -> bool:
        node: Node = self.tree
        for segment in location:
            below = child(node, segment)
            if below is None:
                break
            node = below
        return bool(node.sources)


@dataclass(frozen=True, slots=True)
class ParamIssue:
    """Something wrong with parameters.

    Attributes:
        path: JSON Pointer into the parameters.
        code: Which kind of problem it is.
        message: What was found.
        choices: The texts that would be right; empty when that is not the point.
        known: The fields there are, when an unknown one was given.
        kind: The validator's own name for the problem.
    """

    path: str
    code: ProblemCode
    message: str
    choices: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    kind: str = ""
    location: tuple[str | int, ...] = ()

    def hinted(self) -> dict[str, str]:
        """`{"hint": …}` when there is one."""
        name = str(self.location[-1]) if self.location else ""
        hint = hint_for(name, self.known) if self.known else None
        return {"hint": hint} if hint else {}


def describe(error: pydantic.ValidationError, values: Any) -> list[ParamIssue]:
    """Say what a validation found, in our words and without the values."""
    issues = []
    for line in error.errors(include_url=False, include_input=True, include_context=True):
        kind = line["type"]
        location = resolve_location(values, line["loc"], missing=kind == "missing")
        path = pointer("", *location)
        context = line.get("ctx", {})
        if kind == "missing":
            issue = ParamIssue(
                path, "MISSING_FIELD", f"`{location[-1]}` is missing", kind=kind, location=location
            )
        elif kind == "extra_forbidden":
            issue = ParamIssue(
                path,
                "UNKNOWN_FIELD",
                f"there is no parameter `{location[-1]}`",
                kind=kind,
                location=location,
            )
        elif kind in ("literal_error", "enum"):
            choices = _choices(str(context.get("expected", "")))
            message = f"expected one of {', '.join(f'`{choice}`' for choice in choices)}"
            issue = ParamIssue(
                path, "INVALID_VALUE", message, choices, kind=kind, location=location
            )
        elif kind == "union_tag_invalid":  # the message would have the value
            tag = str(context["discriminator"]).strip("'")
            choices = _choices(str(context["expected_tags"]))
            message = f"expected one of {', '.join(f'`{choice}`' for choice in choices)}"
            issue = ParamIssue(
                pointer(path, tag),
                "INVALID_VALUE",
                message,
                choices,
                kind=kind,
                location=(*location, tag),
            )
        elif kind in _EXPECTED:
            message = f"expected {_EXPECTED[kind]}, found {type_name(line.get('input'))}"
            issue = ParamIssue(path, "WRONG_TYPE", message, kind=kind, location=location)
        else:
            message = (
                str(context["error"])
                if kind == "value_error" and "error" in context
                else str(line["msg"])
            )
            issue = ParamIssue(path, "INVALID_VALUE", message, kind=kind, location=location)
        issues.append(issue)
    return _without_unions(issues)


def _choices(listed: str) -> tuple[str, ...]:
    """The choices as pydantic lists them."""
    return tuple(piece.strip().strip("'") for piece in listed.replace(" or ", ", ").split(","))


def resolve_location(
    values: Any, location: tuple[str | int, ...], *, missing: bool = False
) -> tuple[str | int, ...]:
    """The part of a validator's location that leads through the values: tags of unions are left out."""
    path: list[str | int] = []
    value = values
    for index, segment in enumerate(location):
        inside = segment in value if isinstance(value, Mapping) else _is_index(value, segment)
        if inside:
            value = value[segment]
        elif missing and index == len(location) - 1:
            pass
        else:
            continue
        path.append(segment)
    return tuple(path)


def _is_index(value: Any, segment: str | int) -> bool:
    return isinstance(value, (list, tuple)) and isinstance(segment, int) and segment < len(value)


def _without_unions(issues: list[ParamIssue]) -> list[ParamIssue]:
    """One issue for each place: of a union's several complaints the types are put together."""
    by_path: dict[str, ParamIssue] = {}
    for issue in issues:
        earlier = by_path.get(issue.path)
        if earlier is None:
            by_path[issue.path] = issue
        elif (
            earlier.kind in _EXPECTED
            and issue.kind in _EXPECTED
            and _EXPECTED[issue.kind] not in earlier.message
        ):
            expected, found = earlier.message.rsplit(", found ", 1)
            message = f"{expected} or {_EXPECTED[issue.kind]}, found {found}"
            by_path[issue.path] = ParamIssue(
                issue.path, "WRONG_TYPE", message, kind=issue.kind, location=issue.location
            )
    return list(by_path.values())


def _own(values: dict[str, Any], most: int) -> dict[str, Any]:
    """Values of the action's own, at most so many bytes as JSON: what it does to them changes no other step's output.

    Raises:
        LimitExceededError: They are larger than that.
        ValidationError: They are no JSON.
    """
    if all(_is_small(value) for value in values.values()):
        return values
    text = write_json(values)
    if len(text) > most:
        raise LimitExceededError(
            f"the resolved parameters are {len(text)} bytes of JSON: at most {most}",
            {"limit": most},
        )
    return dict(read_json(text))


def _is_small(value: Any) -> bool:
    return (
        len(value) < _SMALL
        if isinstance(value, str)
        else not isinstance(value, (dict, list, Mapping))
    )
