"""Every parser on mutated texts, for a fixed time: what it does not understand it refuses, with its own error.

`OPCODE_FUZZ_SECONDS` is the time for all of them together; in CI it is 30 seconds, with the same texts each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from opcode_core.durations import parse_duration
from opcode_core.errors import OpcodeError
from opcode_core.expressions import ExpressionSyntaxError
from opcode_core.jsonio import parse_json
from opcode_core.plan.compile import diagnose
from opcode_core.plan.problems import Problems
from opcode_core.plan.schemas import compile_schema
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Registry
from opcode_core.references.parse import ReferenceSyntaxError, parse_path, parse_text, path_text
from opcode_core.schedule.cron import CronError, parse_cron
from opcode_core.settings import Settings
from plan_patches import check

IN_CI = bool(os.environ.get("CI"))
SECONDS = float(os.environ.get("OPCODE_FUZZ_SECONDS", "30" if IN_CI else "5"))
ODD = [
    *("${{", "}}", "$${{", "{", "}", "[", "]", "(", ")", "'", '"', "\\", "`", "|", "?", ":", "..", "//"),
    *("\x00", "\ud800", "\u202e", "é", "😀", "\n", "9" * 25, "-1", "1e999", "0x1F", "@", "#", "*/0", "§"),
]  # fmt: skip
REFERENCES = [
    "${{steps.fetch-data.output.items[0].name}}",
    "a ${{ inputs['any key'] }} b $${{x}} ${{ {'a': '}}'}['a'] }}",
    'x${{ steps["a.b"].output + "}}" }}y',
]
CEL = [
    "steps.a.output.items.filter(i, i.n > 1 && has(i.name)).map(i, i.name + 'x').size() >= 2u",
    "inputs.n ? [1, 2.5, -3][0] : {'a': b'x', 1: r'\\d'}['a'] in [null, true, \"\"\"t\"\"\"]",
    "'abc'.matches('^a.*c$') || timestamp('2024-01-01T00:00:00Z') < timestamp('2025-01-01T00:00:00Z')",
]
JQ = [
    '.steps.a.output.items[] | select(.n > 1 and (.name | test("a"))) | {name, n: (.n + 1)}',
    'def f($x): reduce .[] as [$a, {b: $c}] (0; . + $a); f(1) // "\\(.x)" as $v | .a[1:3]?',
    'try error("x") catch . | if . then 1 elif 2 then 3 else 4 end, @base64 "a\\(.b)c"',
]
EXPR = [
    "filter(steps.a.output.items, {.n > 1 and .name not in ['x']}) | map(.name) | join(', ')",
    "let x = inputs.n ?? 1; x ** 2 % 3 == 0x1F ? {a: 1, 'b': [1..3][0:2]} : nil?.b",
    "any(1..5, # > 2) && 'abc' matches '^a' || duration('1h').Hours() >= 1.5e3",
]
DEFINITION = {
    "inputs": {"n": 1, "list": [1, 2]},
    "steps": [
        {"id": "a", "action": "crypto.hash", "params": {"data": "${{inputs.n}}"}, "retry": {"max": 1}},
        {
            "id": "each",
            "type": "loop",
            "depends_on": ["a"],
            "config": {
                "mode": "for_each",
                "over": "${{inputs.list}}",
                "body": [
                    {"id": "x", "action": "workflow.log", "params": {"message": "${{steps.a.hash}}"}},
                    {
                        "id": "pick",
                        "type": "condition",
                        "condition": "iter.index > 0",
                        "config": {
                            "expression": {"jq": ".steps.x.status"},
                            "branches": {"completed": [{"id": "y", "type": "wait", "config": {"duration": "1s"}}]},
                            "default": [{"id": "y", "action": "crypto.uuid"}],
                        },
                    },
                ],
            },
        },
        {
            "id": "ask",
            "type": "reasoning",
            "config": {
                "prompt_context": "go?",
                "options": [{"id": "yes"}, {"id": "no"}],
                "timeout": "1h",
                "fallback": "no",
                "data_inject": {"a": "steps.a.output"},
            },
            "on_error": {"strategy": "fallback_step", "fallback_step": "a2"},
        },
        {"id": "a2", "action": "crypto.uuid"},
        {"id": "r", "type": "parallel", "config": {"branches": [[{"id": "z", "action": "crypto.uuid"}]]}},
    ],
    "on_error": {"action": "workflow.log", "params": {"message": "${{workflow.error.code}}"}},
    "output": {"a": "${{steps.a.output.hash}}"},
    "timeout": "2h",
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": ["integer", "null"]}, "list": {"$ref": "#/$defs/list"}},
    "$defs": {"list": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/list"}]}}},
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> Registry:
    allowed = ("steps", "cel", "jq", "expr", "crypto", "workflow")
    return load_plugins(Settings(plugins_allow=allowed))


def mutated(text: str, texts: list[str], chance: random.Random) -> str:
    """A text with a few pieces left out, doubled, swapped, or brought in from elsewhere."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice((0, 1, 1, 2, 5, 20)))
        other = chance.choice(texts)
        begin = chance.randint(0, len(other))
        piece = chance.choice(
            ("", chance.choice(ODD), text[start:end] * 2, other[begin : begin + 8], text[::-1][:6])
        )
        text = text[:start] + piece + text[end:]
    return text


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        found.extend((holder, key) for key in keys)
        stack.extend(one for one in (holder[key] for key in keys) if isinstance(one, (dict, list)))
    return found


def shaken(value: Any, chance: random.Random) -> Any:
    """A JSON value with a few members left out, replaced, renamed, or put in another's place."""
    value = json.loads(json.dumps(value))
    for _ in range(chance.randint(1, 4)):
        all_places = places(value)
        if not all_places:
            return value
        holder, key = chance.choice(all_places)
        other, its_key = chance.choice(all_places)
        kind = chance.randint(0, 4)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = chance.choice(
                [None, True, 0, -1, 2**63, 1.5, float("nan"), "", "a", [], {}, [[]], {"id": "a"}]
            )
        elif kind == 2:
            holder[key] = json.loads(json.dumps(other[its_key]))
        elif isinstance(holder, dict):
            holder[mutated(str(key), ["id", "steps"], chance)] = holder.pop(key)
        elif isinstance(holder[key], str):
            holder[key] = mutated(holder[key], REFERENCES + CEL, chance)
    return value


def run(name: str, share: float, once: Callable[[random.Random], None]) -> None:
    """Call something until its time is over, each time with other chances; never less than fifty times."""
    chance = random.Random(name if IN_CI else None)
    seed, count, end = "", 0, time.monotonic() + SECONDS * share
    while time.monotonic() < end or count < 50:
        seed = f"{name}-{chance.random()}"
        count += 1
        try:
            once(random.Random(seed))
        except Exception as error:
            error.add_note(f"random.Random({seed!r})")
            raise


def one_of(texts: list[str], parse: Callable[[str], Any], *refusals: type[Exception]) -> Any:
    def once(chance: random.Random) -> None:
        text = mutated(chance.choice(texts), texts, chance)
        with contextlib.suppress(*refusals):
            parse(text)

    return once


def reference(text: str) -> None:
    offset = 0
    pieces: list[Any] = []
    try:
        pieces = parse_text(text)
    except ReferenceSyntaxError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)
    for piece in pieces:
        if not isinstance(piece, str):
            assert text[piece.offset :].startswith(piece.source)


def path(text: str) -> None:
    found = parse_path(text)
    if found is not None:
        assert parse_path(path_text(found)) == found


@pytest.mark.parametrize(
    ("name", "once"),
    [
        ("references", one_of(REFERENCES, reference)),
        ("paths", one_of(["steps.a-b.output['x y'][0].1", 'inputs["a\\"b"].c'], path)),
        ("durations", one_of(["1h30m", "1.5s", "300ms", "2d", "10us5ns"], parse_duration, ValueError)),
        ("cron", one_of(["*/15 0-6,12 1,15 JAN-MAR MON-FRI", "@daily", "0 9 * * 7"], parse_cron, CronError)),
        ("json", one_of([json.dumps(DEFINITION), '{"a": [1e5, -0, "\\ud83d\\ude00"]}'], parse_json, OpcodeError)),
    ],
)  # fmt: skip
def test_a_parser_reads_or_refuses(name: str, once: Callable[[random.Random], None]) -> None:
    run(name, 0.08, once)


@pytest.mark.parametrize(("engine", "texts"), [("cel", CEL), ("jq", JQ), ("expr", EXPR)])
def test_an_engine_compiles_or_refuses_at_a_place(
    registry: Registry, engine: str, texts: list[str]
) -> None:
    compiler = registry.engine(engine)
    assert compiler is not None

    def compiled(text: str) -> None:
        offset: int | None = None
        try:
            for read in compiler.compile(text).reads:
                path_text(read)
        except ExpressionSyntaxError as error:
            offset = error.offset
        assert offset is None or 0 <= offset <= len(text)

    run(engine, 0.12, one_of(texts, compiled))


def test_a_definition_is_diagnosed_whatever_is_in_it(registry: Registry) -> None:
    def once(chance: random.Random) -> None:
        definition = shaken(DEFINITION, chance)
        schema = shaken(SCHEMA, chance) if chance.random() < 0.5 else SCHEMA
        diagnosis = diagnose(definition, registry, input_schema=schema)
        own = [one for one in diagnosis.problems if one.argument is None]
        check(diagnosis, definition, own)

    run("definitions", 0.2, once)


def test_a_schema_is_compiled_or_refused() -> None:
    def once(chance: random.Random) -> None:
        compile_schema(shaken(SCHEMA, chance), Problems("input_schema"))

    run("schemas", 0.04, once)
