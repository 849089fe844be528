"""Where the value of a JSON Pointer stands in a text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opcode_core.cli.positions import find_positions, line_and_column, nearest_position
from opcode_core.model.problems import pointer

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
