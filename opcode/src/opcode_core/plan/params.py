"""The parameters of an action step, checked against the action before anything runs.

A value that is one whole reference may become anything, unless what it reads is declared: then it is refused when no
value of the declared types could be taken. A text with references in it will be a text, whatever they bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from opcode_core.actions import Action, Params
from opcode_core.binding import ParamIssue, describe
from opcode_core.jsonio import read_json
from opcode_core.logs import logger
from opcode_core.model.problems import pointer
from opcode_core.plan.problems import Problems
from opcode_core.references import tree
from opcode_core.references.parse import path_text
from opcode_core.references.resolve import text_of, with_article
from opcode_core.suggest import hint_for, nearest


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Stands for a value that a reference will bring in."""

    reference: tree.PathReference | None = None


class _SomeText(str):
    """Stands for a text that is not known yet."""

    __slots__ = ()


_SAMPLES: Mapping[str, tuple[Any, ...]] = {
    "null": (None,),
    "boolean": (True,),
    "integer": (1,),
    "number": (1.5, 1),
    "string": (_SomeText("text"),),
    "array": ([],),
    "object": ({},),
}
_STRUCTURES = frozenset({"array", "object", "null"})
_TO_TEXT = (
    "name a member of it, or write text beside the reference: then its JSON stands in that text"
)
_BECOME_TEXT = frozenset({"boolean", "integer", "number"})


def check_params(
    action: Action, node: tree.Node, at: str, problems: Problems, *, handled: bool = False
) -> Params | None:
    """Check parameters as far as they are known.

    Args:
        action: The action.
        node: Its parameters, compiled; an object.
        at: Where they stand, as a JSON Pointer.
        problems: Where problems go.
        handled: Whether the definition says what happens when the step fails: a reference to a value that cannot be
            taken is a warning then.

    Returns:
        The checked parameters when they hold no reference and nothing is wrong; else None.
    """
    values = _known(node)
    try:
        ready = action.params.model_validate(values)
    except pydantic.ValidationError as error:
        names = [field.alias or name for name, field in action.params.model_fields.items()]
        issues = describe(error, values)
        meant = _report_unknown(issues, values, names, at, problems)
        for issue in issues:
            if issue.path in meant:
                continue
            unknown = _unknown_at(values, issue)
            if unknown is not None:
                _check_reference(action, values, issue, unknown, at, problems, warning=handled)
                continue
            _report(issue, values, at, problems)
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
    return _Unknown(node if isinstance(node, tree.PathReference) else None)


def _unknown_at(values: Any, issue: ParamIssue) -> _Unknown | None:
    """What stands where an issue is, if that is not known yet; an unknown parameter is one whatever it is given."""
    if issue.code in ("MISSING_FIELD", "UNKNOWN_FIELD"):
        return None
    for segment in issue.location:
        values = values[segment]
    return values if isinstance(values, _Unknown) else None


def _check_reference(
    action: Action,
    values: Any,
    issue: ParamIssue,
    unknown: _Unknown,
    at: str,
    problems: Problems,
    *,
    warning: bool,
) -> None:
    """Report a reference whose value is declared to be of types that none of can be taken there."""
    reference = unknown.reference
    if reference is None or reference.types is None:
        return
    expected = ""
    for kind in sorted(reference.types):
        for sample in _SAMPLES[kind]:
            refusal = _refusal(action, values, issue.location, sample)
            if refusal is None or (kind in _BECOME_TEXT and "a string" in refusal):
                return
            expected = refusal
    found = " or ".join(with_article(one) for one in sorted(reference.types))
    problems.add(
        at + issue.path,
        "WRONG_TYPE",
        f"{expected}, but `{path_text(reference.path)}` is {found}",
        hint=_TO_TEXT if "a string" in expected and reference.types <= _STRUCTURES else None,
        warning=warning,
    )


def _refusal(
    action: Action, values: Any, location: tuple[str | int, ...], sample: Any
) -> str | None:
    """What is expected at a place where a value of the sample's type cannot be; None where it can, or may."""
    try:
        action.params.model_validate(_with(values, location, sample))
    except pydantic.ValidationError as error:
        issues = describe(error, _with(values, location, sample))
        here = next((one for one in issues if one.location == location), None)
        below = any(one.location[: len(location)] == location for one in issues if one is not here)
        if here is None or below:
            return None
        wrong = here.code == "WRONG_TYPE" or (here.choices and isinstance(sample, (list, dict)))
        return here.message.partition(", found ")[0] if wrong else None
    except Exception:  # noqa: BLE001 - a validator of the plugin's own: nothing is certain then
        return None
    return None


def _with(values: Any, location: tuple[str | int, ...], instead: Any) -> Any:
    """A copy of some values with another one at a place."""
    if not location:
        return instead
    changed: Any = dict(values) if isinstance(values, Mapping) else list(values)
    changed[location[0]] = _with(values[location[0]], location[1:], instead)
    return changed


def _report_unknown(
    issues: list[ParamIssue], values: Any, names: list[str], at: str, problems: Problems
) -> set[str]:
    """Report parameters that do not exist; give the paths of those, and of the ones that were meant."""
    done: set[str] = set()
    for issue in issues:
        if issue.code == "UNKNOWN_FIELD" and issue.path.count("/") == 1:
            taken = values if isinstance(values, Mapping) else ()
            meant = problems.unknown_field(at, str(issue.location[-1]), names, taken)
            done |= {issue.path} if meant is None else {issue.path, pointer("", meant)}
    return done


def _report(issue: ParamIssue, values: Any, at: str, problems: Problems) -> None:
    value = values
    if issue.code != "MISSING_FIELD":
        for segment in issue.location:
            value = value[segment]
        if isinstance(value, _SomeText) and issue.code == "INVALID_VALUE":
            return  # what the text will be is not known
    path = at + issue.path
    if issue.choices and isinstance(value, str):
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
