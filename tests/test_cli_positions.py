"""Where the value of a JSON Pointer stands in a text, and how `opcode validate` shows it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opcode_core.cli.positions import (
    find_positions,
    inside_string,
    key_of,
    line_and_column,
    nearest_position,
)
from opcode_core.errors import OpcodeError, ValidationError
from opcode_core.model.problems import pointer
from opcode_core.model.requests import DefineRequest
from opcode_core.opening import open_service
from opcode_core.settings import Settings
from rich.cells import cell_len


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


def everything(value: Any, at: str = "") -> dict[str, Any]:
    found = {at: value}
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, below in members:
        found |= everything(below, pointer(at, name))
    return found


@given(VALUES, st.sampled_from([None, 0, 1, 4]), st.booleans())
def test_every_pointer_leads_to_where_its_value_stands(
    value: Any, indent: int | None, plain: bool
) -> None:
    text = "\n " + json.dumps(value, indent=indent, ensure_ascii=plain) + "\t\n"
    positions = find_positions(text)
    expected = everything(value)
    assert positions.keys() == expected.keys()
    for path, offset in positions.items():
        assert json.JSONDecoder().raw_decode(text, offset)[0] == expected[path]


@pytest.mark.parametrize(("offset", "place"), [(0, (1, 1)), (3, (1, 4)), (4, (2, 1)), (6, (2, 3))])
def test_lines_and_columns_are_counted_from_1(offset: int, place: tuple[int, int]) -> None:
    found = line_and_column("abc\ndef", offset)
    assert (found.line, found.column) == place


def test_what_is_not_there_stands_where_it_would_be() -> None:
    positions = find_positions('{"steps": [{"id": "a"}]}')
    assert nearest_position(positions, "/steps/0/params/url") == positions["/steps/0"]


@given(st.text(), st.booleans(), st.integers(0, 30))
def test_every_character_of_a_string_is_found(value: str, plain: bool, count: int) -> None:
    text = '{"k": ' + json.dumps(value, ensure_ascii=plain) + "}"
    offset = inside_string(text, 6, count)
    if count >= len(value):
        assert offset == 6
    else:
        rest = json.loads('"' + text[offset:-2] + '"')
        assert rest == value[count:]


@given(st.dictionaries(st.text(), SCALARS | st.lists(SCALARS), min_size=1), st.booleans())
def test_every_member_has_its_key_before_it(value: dict[str, Any], plain: bool) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=plain)
    positions = find_positions(text)
    for name in value:
        key = key_of(text, positions[pointer("", name)])
        assert key is not None
        assert json.JSONDecoder().raw_decode(text, key)[0] == name


def test_items_and_the_whole_have_no_key() -> None:
    assert key_of("[1, 2]", 1) is None
    assert key_of("[1, 2]", 0) is None


TWELVE = """{
  "metdata": {"name": "Notes"},
  "steps": [
    {"id": "a", "action": "crypto.uidd"},
    {
      "id": "b",
      "action": "crypto.hash",
      "params": {"dat": 1, "algorithm": "sha265"},
      "timeout": 30,
      "retry": 2
    },
    {"id": "c", "action": "workflow.log", "params": {"message": "\\ud83d\\ude00\\n${{steps.a.uidd}}"}},
    {"id": "a", "action": "crypto.uuid", "depends_on": ["bb"], "condition": "inputs.x >> 1"},
    {"id": "d", "action": "workflow.log", "params": {"message": "x ${{stpes.a.uuid}}"}}
  ],
  "schedule": "levels"
}
"""
PLACES = {
    (2, 3): ("UNKNOWN_FIELD", "/metdata"),
    (4, 27): ("ACTION_UNAVAILABLE", "/steps/0/action"),
    (8, 18): ("UNKNOWN_FIELD", "/steps/1/params/dat"),
    (8, 41): ("INVALID_VALUE", "/steps/1/params/algorithm"),
    (9, 18): ("BAD_DURATION", "/steps/1/timeout"),
    (10, 16): ("WRONG_TYPE", "/steps/1/retry"),
    (12, 89): ("NOT_SETTLED", "/steps/2/params/message"),
    (13, 12): ("DUPLICATE_ID", "/steps/3/id"),
    (13, 57): ("UNKNOWN_STEP", "/steps/3/depends_on/0"),
    (13, 88): ("BAD_EXPRESSION", "/steps/3/condition"),
    (14, 71): ("UNKNOWN_REFERENCE", "/steps/4/params/message"),
    (16, 15): ("INVALID_VALUE", "/schedule"),
}


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    path = tmp_path / "twelve.json"
    path.write_text(TWELVE, encoding="utf-8")
    return path


def validate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opcode_core", "validate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_twelve_mistakes_are_twelve_problems_at_their_places(definition: Path) -> None:
    done = validate(definition, "--json")
    assert done.returncode == 2
    issues = json.loads(done.stdout)["issues"]
    assert {(one["line"], one["column"]): (one["code"], one["path"]) for one in issues} == PLACES
    assert len(issues) == len(PLACES) == 12


def test_a_person_sees_each_line_with_a_mark_under_the_place(definition: Path) -> None:
    done = validate(definition)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    head = next(index for index, line in enumerate(lines) if ":14:71 error" in line)
    source, mark = lines[head + 1 : head + 3]
    assert source[mark.index("^") :].startswith("stpes.a.uuid")
    assert "hint: did you mean `steps`?" in lines[head + 3]
    assert "\x1b" not in done.stdout
    assert lines[-1].endswith("12 errors")


def test_the_mark_stands_under_its_place_behind_wide_and_hidden_characters(tmp_path: Path) -> None:
    path = tmp_path / "wide.json"
    message = "\U0001f600\u6f22\u202e ${{stpes.a}}"
    step = {"id": "a", "action": "workflow.log", "params": {"message": message}}
    path.write_text(json.dumps({"steps": [step]}, ensure_ascii=False), encoding="utf-8")
    source, mark = validate(path).stdout.splitlines()[1:3]
    assert "\u202e" not in source
    before = source[: source.index("stpes")]
    assert len(mark.removesuffix("^")) == cell_len(before)


@pytest.mark.anyio
async def test_define_and_validate_say_the_same(definition: Path, tmp_path: Path) -> None:
    shown = json.loads(validate(definition, "--json").stdout)["issues"]
    for issue in shown:
        del issue["line"], issue["column"]
    async with open_service(Settings(db_path=tmp_path / "o.db")) as service:
        request = DefineRequest("t", json.loads(TWELVE), "agent", dry_run=True)
        with pytest.raises(ValidationError) as refused:
            await service.define(request)
    assert refused.value.details is not None
    assert refused.value.details["issues"] == shown


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: list[Any] = [
    "\ud800",
    2**64,
    float("nan"),
    nested(5000),
    "${{" * 1000,
    "${{ " + "(" * 5000 + " }}",
    "${{ inputs" + ".a" * 5000 + " }}",
    "${{inputs" + "[0]" * 100_000 + "}}",
    "${{ inputs.n == " + "9" * 5000 + " }}",
]


@pytest.mark.anyio
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_definitions_are_diagnosed_and_the_server_goes_on(
    value: Any, tmp_path: Path
) -> None:
    good = {"id": "a", "action": "crypto.hash", "params": {"data": 1}}
    definitions = [
        {"steps": [{**good, "params": {"data": value}}]},
        {"steps": [{**good, "condition": value}]},
        {"steps": [good], "output": {"x": value}},
        {
            "steps": [
                {
                    "id": "l",
                    "type": "loop",
                    "config": {"mode": "for_each", "over": value, "body": [good]},
                }
            ]
        },
    ]
    async with open_service(Settings(db_path=tmp_path / "o.db")) as service:
        for definition in definitions:
            request = DefineRequest("t", definition, "agent", dry_run=True)
            with contextlib.suppress(OpcodeError):
                await service.define(request)
        assert (await service.define(DefineRequest("t", {"steps": [good]}, "agent")))[
            "version"
        ] == "v1"
