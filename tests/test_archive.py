"""Templates taken out of one database and into another: whole, in order, all or none."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from job_room import Room
from opcode_core.archive import Archive
from opcode_core.errors import NotFoundError, StoreError, ValidationError
from opcode_core.jsonio import parse_json, write_json
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest
from opcode_core.service import Service
from opcode_core.store.sqlite import archive as rows

pytestmark = pytest.mark.anyio
DAILY = {"expression": "0 9 * * *", "name": "daily"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with Room(tmp_path, "2026-03-02T08:00:00").open() as opened:
        yield opened


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Service]:
    folder = tmp_path / "other"
    folder.mkdir()
    async with Room(folder, "2026-04-01T08:00:00").open() as opened:
        yield opened


def archive_of(service: Service) -> Archive:
    assert service.upkeep is not None
    return service.upkeep.archive


def definition(value: Any) -> dict[str, Any]:
    return {"steps": [{"id": "a", "action": "t.note", "params": {"value": value}}]}


async def define(service: Service, name: str, value: Any, **more: Any) -> None:
    await service.define(DefineRequest(name, definition(value), "ann", **more))


async def versions(service: Service, name: str) -> dict[str, Any]:
    found = await service.query(QueryRequest("templates", {"name": name, "limit": 500}))
    return {
        row["version"]: row["definition"]["steps"][0]["params"]["value"]
        for row in found["templates"]
    }


async def exported(service: Service, *names: str) -> Any:
    return parse_json(write_json(await archive_of(service).exported(names)))


async def imported(service: Service, document: Any) -> list[tuple[str, str, str, bool]]:
    told = await archive_of(service).imported(document)
    return [(one["name"], one["version"], one["stored"], one["new"]) for one in told["versions"]]


async def test_there_and_back(service: Service, other: Service) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": 2**53 + 1}}}
    await define(
        service, "a/b", {"z": 1, "a": "ü\u0000\U0001f680"}, input_schema=schema, description="what"
    )
    await define(service, "a/b", 2, output_schema={}, triggers={"cron": [DAILY]})
    await define(service, "c", 3)
    document = await exported(service)
    assert await imported(other, document) == [
        ("a/b", "v1", "v1", True), ("a/b", "v2", "v2", True), ("c", "v1", "v1", True),
    ]  # fmt: skip
    assert await exported(other) == document
    answer = await other.run(RunRequest("a/b", "bob", version="v1"))
    assert answer["output"] == {"z": 1, "a": "ü\u0000\U0001f680"}
    (job,) = (await other.query(QueryRequest("jobs")))["jobs"]
    assert (job["name"], job["agent_id"]) == ("daily", "ann")
    assert job["next_run"] == "2026-04-01T09:00:00.000000Z"


async def test_some_of_them_by_name(service: Service) -> None:
    for name in ("a", "b", "c"):
        await define(service, name, name)
    assert [one["name"] for one in (await exported(service, "c", "a"))["templates"]] == ["a", "c"]
    with pytest.raises(NotFoundError, match="no template `nobody`"):
        await exported(service, "a", "nobody")


async def test_twice_changes_nothing(service: Service, other: Service) -> None:
    for value in range(3):
        await define(service, "t", value)
    document = await exported(service)
    await imported(other, document)
    before = await exported(other)
    assert await imported(other, document) == [("t", f"v{n}", f"v{n}", False) for n in (1, 2, 3)]
    assert await exported(other) == before


async def test_numbers_that_are_free_are_kept(service: Service, other: Service) -> None:
    for value in range(4):
        await define(service, "t", value)
    document = await exported(service)
    document["templates"][0]["versions"] = document["templates"][0]["versions"][2:]
    assert [stored for _, _, stored, _ in await imported(other, document)] == ["v3", "v4"]
    await define(other, "t", "new")
    assert await versions(other, "t") == {"v3": 2, "v4": 3, "v5": "new"}


async def test_from_the_first_taken_number_on_they_are_numbered_anew_in_order(
    service: Service, other: Service
) -> None:
    for value in ("one", "two", "three"):
        await define(service, "t", value)
    for value in ("one", "other", "three", "four", "five"):
        await define(other, "t", value)
    await other._store._database.transaction(  # type: ignore[attr-defined] # a gap, as imports leave them
        lambda connection: connection.execute("DELETE FROM templates WHERE number IN (3, 4)")
    )
    assert await imported(other, await exported(service)) == [
        ("t", "v1", "v1", False), ("t", "v2", "v6", True), ("t", "v3", "v7", True),
    ]  # fmt: skip
    assert (await other.run(RunRequest("t", "bob")))["output"] == "three"


async def test_the_latest_is_run_at_once_though_another_was_before(
    service: Service, other: Service
) -> None:
    await define(service, "t", "old")
    await define(service, "t", "new")
    await define(other, "t", "old")
    assert (await other.run(RunRequest("t", "bob")))["output"] == "old"
    await imported(other, await exported(service))
    assert (await other.run(RunRequest("t", "bob")))["output"] == "new"


async def test_history_changes_no_jobs(service: Service, other: Service) -> None:
    await define(service, "t", 1, triggers={"cron": [DAILY]})
    await define(other, "t", 1, triggers={"cron": [DAILY]})
    await define(other, "t", 2, triggers={"cron": [{**DAILY, "name": "mine"}]})
    await imported(other, await exported(service))
    assert [row["name"] for row in (await other.query(QueryRequest("jobs")))["jobs"]] == ["mine"]


def broken(document: Any, *path: Any, value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for part in path[:-1]:
        place = place[part]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


FIRST = ("templates", 0, "versions", 0)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("opcode_templates",), 2, "/opcode_templates"),
        (("opcode_templates",), ..., "/opcode_templates"),
        (("templates",), {}, "/templates"),
        (("more",), 1, "/more"),
        (("templates", 0), "t", "/templates/0"),
        (("templates", 0, "name"), "../../x\n", "/templates/0/name"),
        (("templates", 0, "name"), "", "/templates/0/name"),
        (("templates", 0, "versions"), "v1", "/templates/0/versions"),
        ((*FIRST, "version"), "1", "/templates/0/versions/0/version"),
        ((*FIRST, "version"), "v0", "/templates/0/versions/0/version"),
        ((*FIRST, "version"), "v99999999999999999999", "/templates/0/versions/0/version"),
        ((*FIRST, "version"), "v2", "/templates/0/versions/1/version"),
        ((*FIRST, "version"), 1, "/templates/0/versions/0/version"),
        ((*FIRST, "agent_id"), ..., "/templates/0/versions/0/agent_id"),
        ((*FIRST, "agent_id"), " ", "/templates/0/versions/0/agent_id"),
        ((*FIRST, "created_at"), "yesterday", "/templates/0/versions/0/created_at"),
        ((*FIRST, "description"), 5, "/templates/0/versions/0/description"),
        ((*FIRST, "definition"), ..., "/templates/0/versions/0/definition"),
        ((*FIRST, "definition"), "x", "/templates/0/versions/0/definition"),
        ((*FIRST, "definition", "steps", 0, "action"), "t.not", "/templates/0/versions/0/definition/steps/0/action"),
        ((*FIRST, "input_schema"), {"type": "x"}, "/templates/0/versions/0/input_schema/type"),
        ((*FIRST, "triggers"), {"cron": [{"expression": "x"}]},
         "/templates/0/versions/0/triggers/cron/0/expression"),
        (("templates", 1, "name"), "a", "/templates/1/name"),
    ],
)  # fmt: skip
async def test_all_or_none(
    service: Service, other: Service, path: tuple[Any, ...], value: Any, where: str
) -> None:
    await define(service, "a", 1)
    await define(service, "a", 2)
    await define(service, "b", 3, triggers={"cron": [DAILY]})
    with pytest.raises(ValidationError, match="nothing was imported") as caught:
        await imported(other, broken(await exported(service), *path, value=value))
    assert caught.value.details is not None
    assert where in [issue["path"] for issue in caught.value.details["issues"]]
    assert (await other.query(QueryRequest("templates")))["templates"] == []
    assert (await other.query(QueryRequest("jobs")))["jobs"] == []


@pytest.mark.parametrize(
    "document", [None, [], "x", 5, {}, {"opcode_templates": 1, "templates": [None]}]
)
async def test_what_is_no_such_document(service: Service, document: Any) -> None:
    with pytest.raises(ValidationError, match="nothing was imported"):
        await imported(service, document)


async def test_every_problem_of_every_version_is_told(service: Service) -> None:
    bad = {
        "version": "v1",
        "agent_id": "ann",
        "definition": {"steps": [{"id": "a b", "action": "no.such"}]},
    }
    document = {
        "opcode_templates": 1,
        "templates": [{"name": name, "versions": [bad]} for name in ("a", "b")],
    }
    with pytest.raises(ValidationError, match="and 3 more") as caught:
        await imported(service, document)
    assert caught.value.details is not None
    assert [issue["code"] for issue in caught.value.details["issues"]] == [
        *("INVALID_ID", "ACTION_UNAVAILABLE"),
        *("INVALID_ID", "ACTION_UNAVAILABLE"),
    ]


async def test_it_is_one_transaction(
    service: Service, other: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("the disk is full")

    await define(service, "a", 1)
    await define(service, "b", 3)
    document = await exported(service)
    original = rows._add_template
    monkeypatch.setattr(
        rows,
        "_add_template",
        lambda *given: fail() if given[1][0].template.name == "b" else original(*given),
    )
    with pytest.raises(StoreError):
        await imported(other, document)
    assert (await other.query(QueryRequest("templates")))["templates"] == []


async def test_nothing_at_all(service: Service, other: Service) -> None:
    assert await imported(other, await exported(service)) == []
