"""The store's lists and numbers under load, and whose database a file is."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opcode_core.errors import LimitExceededError, StoreError, ValidationError
from opcode_core.store.protocol import NewTemplate, Page
from opcode_core.store.sqlite.store import SqliteStore, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_store(path, "normal")
    yield opened
    await opened.close()


def template(name: str, created_at: int = 1) -> NewTemplate:
    return NewTemplate(
        name=name,
        definition={"steps": [{"id": "a"}]},
        input_schema=None,
        output_schema=None,
        triggers=None,
        description=None,
        agent_id="me",
        created_at=created_at,
    )


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def all_parts(store: SqliteStore, limit: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after: str | None = None
    while True:
        page: Page = await store.list_templates({}, limit, after)
        assert len(page.rows) <= limit
        found += [(row["name"], row["version"]) for row in page.rows]
        after = page.next
        if after is None:
            return found


async def test_a_hundred_at_once_are_numbered_without_gaps_also_across_names(
    store: SqliteStore,
) -> None:
    names = ["a", "b"] * 50
    given = await asyncio.gather(*(store.add_template(template(name)) for name in names))
    expected = {f"v{number}" for number in range(1, 51)}
    for name in "ab":
        assert {one for own, one in zip(names, given, strict=True) if own == name} == expected


@pytest.mark.parametrize("limit", [1, 3, 7, 500])
async def test_versions_of_one_instant_come_in_parts_each_once(
    store: SqliteStore, limit: int
) -> None:
    added = [
        (name, await store.add_template(template(name, created_at)))
        for created_at in (1, 2)
        for name in ("a", "b")
        for _ in range(3)
    ]
    found = await all_parts(store, limit)
    assert len(found) == len(set(found))
    assert set(found) == set(added)


async def test_what_is_added_between_two_parts_repeats_nothing(store: SqliteStore) -> None:
    for number in range(4):
        await store.add_template(template("a", number))
    first = await store.list_templates({}, 2, None)
    await store.add_template(template("a", 99))
    second = await store.list_templates({}, 2, first.next)
    assert [row["version"] for row in (*first.rows, *second.rows)] == ["v4", "v3", "v2", "v1"]
    assert second.next is None


@pytest.mark.parametrize(
    "bad",
    [
        *("", "x", "====", "\x00", cursor("{}"), cursor("null"), cursor("[]"), cursor('["a"]')),
        *(cursor('[1,"a",1,1]'), cursor("[[1],2,3]"), cursor("[1," * 200)),
    ],
)
async def test_a_cursor_for_templates_that_was_not_handed_out_is_refused(
    store: SqliteStore, bad: str
) -> None:
    with pytest.raises((ValidationError, LimitExceededError)):
        await store.list_templates({}, 3, bad)


@pytest.mark.parametrize("bad", ['["a",{}]', '["a",[1]]', '["a",12345678901234567890123]'])
async def test_a_cursor_with_values_that_no_row_has_is_refused(
    store: SqliteStore, bad: str
) -> None:
    with pytest.raises(ValidationError):
        await store.list_events({}, 3, cursor(bad))


@pytest.mark.parametrize(
    "version", ["v0", "v2", "1", "v", "v-1", "v1 ", "vx", "v" + "9" * 40, "v\u0661"]
)
async def test_a_version_that_is_none_is_not_found(store: SqliteStore, version: str) -> None:
    await store.add_template(template("a"))
    assert await store.template("a", version) is None


async def test_what_was_stored_is_there_after_it_opened_again(path: Path) -> None:
    first = await open_store(path, "full")
    await first.add_template(
        dataclasses.replace(
            template("a"), input_schema={"type": "object"}, triggers=[1], description="é \u2028"
        )
    )
    before = await first.template("a", None)
    schema = await first._database.read("SELECT sql FROM sqlite_schema ORDER BY name")
    await first.close()
    for _ in range(2):
        again = await open_store(path, "full")
        assert await again.template("a", "v1") == before
        assert await again._database.read("SELECT sql FROM sqlite_schema ORDER BY name") == schema
        await again.close()


async def test_an_opening_that_failed_lets_go_of_the_lock(path: Path) -> None:
    path.write_bytes(b"something else altogether")
    with pytest.raises(StoreError):
        await open_store(path, "normal")
    path.unlink()
    await (await open_store(path, "normal")).close()


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    store = await open_store(path, "normal")
    assert await store.add_template(template("a")) == "v1"
    await store.close()


@pytest.mark.parametrize("statement", ["CREATE TABLE notes (x)", "CREATE TABLE events (x)"])
async def test_the_database_of_another_program_is_refused_and_left_alone(
    path: Path, statement: str
) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreError):
        await (await open_store(path, "normal")).close()
    assert path.read_bytes() == content


async def test_nobody_who_reads_can_write(store: SqliteStore) -> None:
    with pytest.raises(StoreError):
        await store._database.read("DELETE FROM templates")
