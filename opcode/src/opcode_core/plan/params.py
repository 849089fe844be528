"""The parameters of an action step, checked against the action before anything runs.

A value that is one whole reference may become anything, so only what is around it is checked; a text with references in
it will be a text, whatever they bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from opcode_core.actions import Action, Params
from opcode_core.binding import ParamIssue, describe
from opcode_core.jsonio import read_json
from opcode_core.logs import logger
from opcode_core.model.problems import pointer
from opcode_core.plan.problems import Problems
from opcode_core.references import tree
from opcode_core.references.resolve import text_of
from opcode_core.suggest import hint_for, nearest


class _Unknown:
    """Stands for a value that a reference will bring in."""


class _SomeText(str):
    """Stands for a text that is not known yet."""

    __slots__ = ()


def check_params(action: Action, node: tree.Node, at: str, problems: Problems) -> Params | None:
    """Check parameters as far as they are known.

    Args:
        action: The action.
        node: Its parameters, compiled; an object.
        at: Where they stand, as a JSON Pointer.
        problems: Where problems go.

    Returns:
        The checked parameters when they hold no reference and nothing is wrong; else None.
    """
    values = _known(node)
    try:
        ready = action.params.model_validate(values)
    except pydantic.ValidationError as error:
        for issue in describe(error, values):
            _report(
                issue,
                values,
                [field.alias or name for name, field in action.params.model_fields.items()],
                at,
                problems,
            )
        return None
    except Exception as error:  # noqa: BLE001 - a validator of the plugin's own that cannot take what it was given
        if not node.sources:
            logger.warning(
                "a plugin failed on parameters",
                exc_info=error,
                extra={"data": {"action": action.name}},
            )
            message = f"`{action.name}` failed on these parameters ({type(error).__name__}): see the server's log"
            problems.add(at, "INVALID_VALUE", message)
        return None
    return None if node.sources else ready


def _known(node: tree.Node) -> Any:
    if isinstance(node, tree.Object):
        return {name: _known(member) for name, member in node.members}
    if isinstance(node, tree.Array):
        return [_known(item) for item in node.items]
    if isinstance(node, tree.Text):
        return _SomeText("text")
    if isinstance(node, tree.LiteralStructure):
        return read_json(node.text)
    if isinstance(node, tree.Literal) and not node.sources:
        return node.value
    return _Unknown()


def _report(issue: ParamIssue, values: Any, names: list[str], at: str, problems: Problems) -> None:
    value = values
    if issue.code != "MISSING_FIELD":
        for segment in issue.location:
            value = value[segment]
        unsure = isinstance(value, _Unknown) or (
            isinstance(value, _SomeText) and issue.code == "INVALID_VALUE"
        )
        if unsure and issue.code != "UNKNOWN_FIELD":
            return
    path = at + issue.path
    if issue.code == "UNKNOWN_FIELD":
        if issue.path.count("/") == 1:
            taken = values if isinstance(values, Mapping) else ()
            problems.unknown_field(at, str(issue.location[-1]), names, taken)
        else:
            problems.add(path, "UNKNOWN_FIELD", issue.message)
    elif issue.choices and isinstance(value, str):
        meant = nearest(value, issue.choices)
        fix = [{"op": "replace", "path": path, "value": meant}] if meant else None
        problems.add(
            path, "INVALID_VALUE", issue.message, hint=hint_for(value, issue.choices), fix=fix
        )
    elif issue.kind == "string_type" and isinstance(value, (bool, int, float)):
        fix = [{"op": "replace", "path": path, "value": text_of(value)}]
        problems.add(path, "WRONG_TYPE", issue.message, hint="write it in quotes", fix=fix)
    else:
        problems.add(path, issue.code, issue.message)


class ParamsSource:
    """An action step's parameters as written, for the action's own checks.

    Args:
        params: The parameters with their `${{ }}`.
        node: The same, compiled.
        at: JSON Pointer of the parameters.
        compile_expression: Compiles an expression and checks what it reads, reporting at the given pointer.
    """

    def __init__(
        self, params: Mapping[str, Any], node: tree.Node, at: str, compile_expression: Any
    ) -> None:
        self.params = params
        self.pointer = at
        self._node = node
        self._compile = compile_expression

    def references(self, *path: str | int) -> bool:
        """Whether the value at `path`, or anything below it, holds a reference."""
        node = self._node
        for segment in path:
            below = tree.child(node, segment)
            if below is None:
                return bool(node.sources) and not isinstance(node, (tree.Object, tree.Array))
            node = below
        return bool(node.sources)

    def compile(
        self, engine: str, source: str, *path: str | int, extra: Mapping[str, str] | None = None
    ) -> object:
        """Compile an expression that stands at `path`; problems are reported there."""
        return self._compile(source, pointer(self.pointer, *path), engine, extra or {})
