"""Compiling values with `${{ }}` into trees, and expressions; whatever they refer to is checked where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opcode_core.expressions import Expression, ExpressionEngine, ExpressionSyntaxError
from opcode_core.fields import Field
from opcode_core.logs import logger
from opcode_core.model.problems import pointer
from opcode_core.plan.declared import check_path, check_reads, report_expression
from opcode_core.plan.fields import check_member
from opcode_core.plan.problems import Problems
from opcode_core.plan.spot import Draft, Spot
from opcode_core.plan.visibility import Place
from opcode_core.plugins.registry import Registry
from opcode_core.references import tree
from opcode_core.references.parse import (
    Piece,
    Reference,
    ReferenceSyntaxError,
    has_reference,
    parse_text,
)
from opcode_core.suggest import did_you_mean, listing

_NO_EXTRA: Mapping[str, str] = {}
_LOOP_TOO: Mapping[str, str] = {"loop": "iter"}


class References:
    """Compiles what a definition holds; one for each definition.

    Args:
        registry: Where expression engines are found.
        problems: Where problems go.
    """

    def __init__(self, registry: Registry, problems: Problems) -> None:
        self._registry = registry
        self._problems = problems
        self._compiled: dict[tuple[Any, ...], Expression | ExpressionSyntaxError] = {}
        self._levels = 0

    def compile(self, value: Any, at: str, place: Place) -> tree.Node:
        """Compile a value of the definition.

        Args:
            value: Any JSON, with references anywhere in its texts.
            at: Where it stands, as a JSON Pointer.
            place: What it may refer to.

        Returns:
            Its tree; where something is wrong (which is reported) the tree has a hole that is never resolved.
        """
        if isinstance(value, str):
            return self._text(value, at, place) if has_reference(value) else tree.Literal(value)
        if not isinstance(value, (dict, list, Mapping)):
            return tree.Literal(value)
        most = self._registry.limits.value_depth
        if self._levels >= most:
            message = f"a value is nested deeper than {most} levels here"
            self._problems.add(at, "LIMIT_EXCEEDED", message)
            return tree.Literal(None)
        self._levels += 1
        try:
            if isinstance(value, list):
                return self._array(value, at, place)
            return self._object(value, at, place)
        finally:
            self._levels -= 1

    def expression(
        self, source: Any, at: str, place: Place, engine: str | Sequence[str] = "cel"
    ) -> Expression | None:
        """Compile an expression that stands by itself; one wrapped in `${{ }}` means its inside.

        Args:
            source: Its text, or `{"<engine>": text}` to choose a language.
            at: Where it stands, as a JSON Pointer.
            place: What it may refer to.
            engine: The language of a text; of several, the first in which it compiles.

        Returns:
            None when it does not compile, which is reported.
        """
        if isinstance(source, Mapping) and len(source) == 1:
            name, source = next(iter(source.items()))
            engine, at = name, pointer(at, name)
        if isinstance(source, bool):
            text = "true" if source else "false"
            message = f"expected an expression, which is a string, found {text}"
            fix = [{"op": "replace", "path": at, "value": text}]
            self._problems.add(at, "WRONG_TYPE", message, hint="write it in quotes", fix=fix)
            return None
        if not check_member(source, Field("string"), at, self._problems):
            return None
        spot = self._unwrapped(source, at)
        if spot is None:
            return None
        braces = spot.source != source
        names = [engine] if isinstance(engine, str) else list(engine)
        for name in names[1:] and names:
            compiled = self._compile(spot.source, name, inside_braces=braces)
            if not isinstance(compiled, ExpressionSyntaxError):
                return self._expression(spot, place, name, inside_braces=braces)
        return self._expression(spot, place, names[0], inside_braces=braces)

    def action_expression(
        self, source: str, at: str, place: Place, engine: str, extra: Mapping[str, str]
    ) -> Expression | None:
        """Compile an expression that an action evaluates.

        Args:
            source: Its text, as it stands.
            at: Where it stands, as a JSON Pointer.
            place: What it may refer to.
            engine: The language.
            extra: Names of variables that the action brings: nothing is checked about what is read from them.

        Returns:
            None when it does not compile, which is reported.
        """
        spot = Spot(Draft(at, source), source)
        return self._expression(spot, place, engine, inside_braces=False, extra=extra)

    def _unwrapped(self, source: str, at: str) -> Spot | None:
        draft = Draft(at, source)
        if not has_reference(source):
            return Spot(draft, source)
        pieces = self._pieces(source, at)
        if pieces is None:
            return None
        inside = [piece for piece in pieces if not isinstance(piece, str) or piece.strip()]
        if len(inside) == 1 and isinstance(inside[0], Reference):
            return Spot(draft, inside[0].source, inside[0].offset)
        self._problems.add(
            at,
            "BAD_EXPRESSION",
            "an expression cannot be put together from text and references",
            hint="write it as one expression: variables are named in it without `${{ }}`",
        )
        return None

    def member(self, value: Any, at: str, name: str | int, place: Place) -> tree.Node:
        """Compile a member of what stands at a pointer; most need none of their own."""
        if is_plain(value):
            return tree.Literal(value)
        return self.compile(value, pointer(at, name), place)

    def _array(self, value: list[Any], at: str, place: Place) -> tree.Node:
        nodes = [self.member(item, at, index, place) for index, item in enumerate(value)]
        if all(_is_literal(node) for node in nodes):
            return tree.literal([_value(node) for node in nodes])
        return tree.Array(tuple(nodes), _union(nodes))

    def _object(self, value: Mapping[str, Any], at: str, place: Place) -> tree.Node:
        members = []
        for name, member in value.items():
            if has_reference(name):
                self._problems.add(
                    pointer(at, name),
                    "BAD_REFERENCE",
                    "a reference cannot stand in the key of an object",
                )
            members.append((name, self.member(member, at, name, place)))
        nodes = [node for _, node in members]
        if all(_is_literal(node) for node in nodes):
            return tree.literal({name: _value(node) for name, node in members})
        return tree.Object(tuple(members), _union(nodes))

    def _pieces(self, text: str, at: str) -> list[Piece] | None:
        try:
            return parse_text(text)
        except ReferenceSyntaxError as error:
            self._problems.add(at, "BAD_REFERENCE", error.message, offset=error.offset)
            return None

    def _text(self, text: str, at: str, place: Place) -> tree.Node:
        pieces = self._pieces(text, at)
        if pieces is None:
            return tree.Literal(text, frozenset({"?"}))
        draft = Draft(at, text)
        parts = [
            piece if isinstance(piece, str) else self._reference(piece, draft, place)
            for piece in pieces
        ]
        if len(parts) == 1:
            return tree.Literal(parts[0]) if isinstance(parts[0], str) else parts[0]
        nodes = [part for part in parts if not isinstance(part, str)]
        if not nodes:
            return tree.Literal("".join(str(part) for part in parts))
        return tree.Text(tuple(parts), _union(nodes))

    def _reference(self, reference: Reference, draft: Draft, place: Place) -> tree.Node:
        path = reference.path
        spot = Spot(draft, reference.source, reference.offset)
        if path is None:
            compiled = self._expression(spot, place, "cel", inside_braces=True)
            if compiled is None:
                return tree.Literal(None, frozenset({"?"}))
            sources = frozenset(_namespace(str(read[0])) for read in compiled.reads)
            return tree.ExpressionReference(compiled, sources or frozenset({"expression"}))
        good = place.check(path, spot, self._problems)
        if path[0] == "secrets":
            return tree.SecretReference(path)
        shape = check_path(path, place, spot, self._problems) if good else None
        types = None if shape is None else shape.types()
        return tree.PathReference(path, frozenset({str(path[0])}), types)

    def _expression(
        self,
        spot: Spot,
        place: Place,
        engine_name: str,
        *,
        inside_braces: bool,
        extra: Mapping[str, str] = _NO_EXTRA,
    ) -> Expression | None:
        compiled = self._compile(spot.source, engine_name, inside_braces=inside_braces, extra=extra)
        if isinstance(compiled, ExpressionSyntaxError):
            report_expression(compiled, spot, place, self._problems)
            return None
        own = set(extra.values())
        good = [
            place.check(read, spot, self._problems) for read in compiled.reads if read[0] not in own
        ]
        if not all(good):
            return None
        if engine_name == "cel" and not own:
            check_reads(compiled, place, spot, self._problems)
        return compiled

    def _engine(self, name: str) -> ExpressionEngine | ExpressionSyntaxError | None:
        try:
            return self._registry.engine(name)
        except Exception as error:  # noqa: BLE001 - a plugin's own fault is a problem like any other
            return _engine_failed(name, error)

    def _compile(
        self,
        source: str,
        engine_name: str,
        *,
        inside_braces: bool,
        extra: Mapping[str, str] = _NO_EXTRA,
    ) -> Expression | ExpressionSyntaxError:
        key = (engine_name, source, inside_braces, tuple(extra))
        found = self._compiled.get(key)
        if found is None:
            engine = self._engine(engine_name)
            if isinstance(engine, ExpressionSyntaxError):
                found = engine
            elif engine is None:
                names = self._registry.engine_names()
                found = ExpressionSyntaxError(
                    f"there is no expression engine `{engine_name}`{did_you_mean(engine_name, names)}; "
                    f"installed: {listing(names)}"
                )
            else:
                try:
                    found = engine.compile(source, extra=_LOOP_TOO if inside_braces else extra)
                except ExpressionSyntaxError as error:
                    found = error
                except Exception as error:  # noqa: BLE001 - a plugin's own fault is a problem like any other
                    found = _engine_failed(engine_name, error)
            self._compiled[key] = found
        return found


def _engine_failed(name: str, error: Exception) -> ExpressionSyntaxError:
    logger.warning("an expression engine failed", exc_info=error, extra={"data": {"engine": name}})
    return ExpressionSyntaxError(
        f"the engine `{name}` failed on it ({type(error).__name__}): see the server's log"
    )


def is_plain(value: Any) -> bool:
    """Whether a value is a text or another scalar without a reference in it."""
    if isinstance(value, str):
        return not has_reference(value)
    return not isinstance(value, (dict, list, Mapping))


def _is_literal(node: tree.Node) -> bool:
    return isinstance(node, (tree.Literal, tree.LiteralStructure)) and not node.sources


def _value(node: tree.Node) -> Any:
    """The value of a literal: as written, but for its escaped references."""
    return node.resolve({})


def _union(nodes: list[tree.Node]) -> frozenset[str]:
    return frozenset().union(*(node.sources for node in nodes))


def _namespace(name: str) -> str:
    return "loop" if name == "iter" else name
