"""Did you mean …?"""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from opcode_core.suggest import did_you_mean, hint_for, listing, nearest

ACTIONS = ["http.get", "http.post", "http.request", "fs.read", "fs.write", "shell.exec"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http.gte", "http.get"),
        ("htp.get", "http.get"),
        ("HTTP.GET", "http.get"),
        ("http_get", "http.get"),
        ("fs.reed", "fs.read"),
        ("shell.execute", "shell.exec"),
        ("shell", "shell.exec"),
        ("docker.run", None),
        ("", None),
    ],
)
def test_the_nearest_name_or_none(written: str, meant: str | None) -> None:
    assert nearest(written, ACTIONS) == meant


def test_a_name_that_only_differs_in_case_is_given_as_it_is_written() -> None:
    assert nearest("fetchdata", ["FetchData", "other"]) == "FetchData"


def test_the_beginning_of_a_long_name_is_enough() -> None:
    assert nearest("config", ["configuration_of_the_whole_thing"]) is not None
    assert nearest("co", ["configuration_of_the_whole_thing"]) is None


def test_sentences() -> None:
    assert hint_for("http.gte", ACTIONS) == "did you mean `http.get`?"
    assert hint_for("x", ACTIONS) is None
    assert did_you_mean("http.gte", ACTIONS) == "; did you mean `http.get`?"
    assert did_you_mean("x", ACTIONS) == ""


def test_a_listing_shows_ten_names_in_order_and_counts_the_rest() -> None:
    assert listing(["b", "a"]) == "`a`, `b`"
    assert listing([]) == "nothing"
    assert listing(f"n{index:02}" for index in range(12)).endswith("`n09` and 2 more")


@given(st.text(), st.lists(st.text(), max_size=10))
def test_the_answer_is_one_of_the_names_and_always_the_same(name: str, names: list[str]) -> None:
    found = nearest(name, names)
    assert found is None or found in names
    assert nearest(name, reversed(names)) == found


@pytest.mark.parametrize(
    ("name", "meant"),
    [("hsah", "hash"), ("acton", "action"), ("duration", None), ("backof", "backoff")],
)
def test_a_name_that_only_shares_letters_is_not_what_was_meant(
    name: str, meant: str | None
) -> None:
    assert nearest(name, ["action", "hash", "backoff"]) == meant
