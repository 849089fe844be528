"""`triggers` make, change and remove a template's jobs, with the version that says so; and how jobs are listed."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_room import MINUTE, Room
from opcode_core.errors import OpcodeError, StoreError, ValidationError
from opcode_core.model.requests import DefineRequest, QueryRequest
from opcode_core.service import Service
from opcode_core.store.sqlite import templates

pytestmark = [pytest.mark.anyio, pytest.mark.promise("schedules")]
DAILY = {"expression": "0 9 * * *", "name": "daily"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, "2026-03-02T08:00:00")


async def switch(service: Service, name: str, *, enabled: bool) -> None:
    assert service.upkeep is not None
    await service.upkeep.jobs.enable(name, None, enabled=enabled)


@pytest.mark.promise("tools.query-decisions-jobs")
async def test_what_an_agent_sees_of_a_job(room: Room) -> None:
    async with room.open() as service:
        full = {
            **DAILY, "timezone": "Europe/Madrid", "params": {"n": 1}, "missed": "all", "overlap": "queue",
        }  # fmt: skip
        await room.define(service, "t", full, {"expression": "@weekly", "enabled": False})
        jobs = await room.jobs(service)
        assert jobs["daily"] == {
            "name": "daily",
            "template_name": "t",
            "expression": "0 9 * * *",
            "timezone": "Europe/Madrid",
            "params": {"n": 1},
            "enabled": True,
            "missed": "all",
            "overlap": "queue",
            "agent_id": "ann",
            "created_at": "2026-03-02T08:00:00.000000Z",
            "next_run": "2026-03-03T08:00:00.000000Z",
        }
        weekly = jobs["cron-1"]
        assert (weekly["enabled"], weekly["next_run"], weekly["missed"]) == (False, None, "once")
        await room.pass_time(24 * 60 * MINUTE)
        after = (await room.jobs(service))["daily"]
        assert after["last_run"] == "2026-03-03T08:00:00.000000Z"
        assert after["next_run"] == "2026-03-04T08:00:00.000000Z"
        (workflow,) = (await service.query(QueryRequest("workflows")))["workflows"]
        assert after["last_workflow_id"] == workflow["workflow_id"]


@pytest.mark.promise("tools.query-decisions-jobs")
async def test_jobs_are_found_by_template_and_state_in_parts(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "a", DAILY, {"expression": "@hourly", "enabled": False})
        room.clock.advance(1)
        await room.define(service, "b", DAILY)
        for filters, count in (
            ({}, 3),
            ({"template_name": "a"}, 2),
            ({"template_name": "a", "enabled": True}, 1),
            ({"enabled": False}, 1),
            ({"template_name": "nobody"}, 0),
        ):
            found = (await service.query(QueryRequest("jobs", filters)))["jobs"]
            assert len(found) == count
        first = await service.query(QueryRequest("jobs", {"limit": 1}))
        assert first["jobs"][0]["template_name"] == "b"
        rest = await service.query(QueryRequest("jobs", {"cursor": first["next"]}))
        assert [row["template_name"] for row in rest["jobs"]] == ["a", "a"]
        assert "next" not in rest
        for wrong in ({"enabled": "yes"}, {"enabled": 1}, {"name": "daily"}, {"cursor": "x"}):
            with pytest.raises(ValidationError):
                await service.query(QueryRequest("jobs", wrong))


async def test_a_new_version_changes_and_removes(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", DAILY, {"expression": "@hourly", "name": "hourly"})
        await room.define(service, "other", DAILY)
        await room.define(service, "t", {**DAILY, "expression": "30 9 * * *", "params": {"n": 2}})
        assert set(await room.jobs(service, template_name="t")) == {"daily"}
        job = (await room.jobs(service, template_name="t"))["daily"]
        assert (job["params"], job["next_run"][11:16]) == ({"n": 2}, "09:30")
        await service.define(
            DefineRequest("t", {"steps": [{"id": "a", "action": "t.note"}]}, "bob")
        )
        assert await room.jobs(service, template_name="t") == {}
        assert set(await room.jobs(service)) == {"daily"}
        await room.pass_time(180 * MINUTE)
        assert await room.runs(service, "t") == []


async def test_a_version_without_triggers_is_warned_about_the_jobs_that_go(room: Room) -> None:
    async with room.open() as service:
        bare = DefineRequest("t", {"steps": [{"id": "a", "action": "t.note"}]}, "ann")
        assert "warnings" not in await service.define(bare)
        await room.define(service, "t", DAILY)
        dry = await service.define(replace(bare, dry_run=True))
        told = await service.define(bare)
        assert told["warnings"] == dry["warnings"]
        (warning,) = told["warnings"]
        assert (warning["argument"], warning["severity"]) == ("triggers", "warning")
        assert "(`daily`)" in warning["message"]
        assert "warnings" not in await service.define(bare)
        await room.define(service, "t", DAILY)
        assert "warnings" not in await service.define(replace(bare, triggers={"cron": []}))


async def test_a_change_of_params_keeps_the_next_due_time(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", DAILY)
        before = (await room.jobs(service))["daily"]["next_run"]
        room.clock.advance(59 * MINUTE)
        await room.define(service, "t", {**DAILY, "params": {"n": 2}, "missed": "all"})
        await room.define(service, "t", {**DAILY, "params": {"n": 3}, "overlap": "allow"})
        assert (await room.jobs(service))["daily"]["next_run"] == before
        await room.pass_time(2 * MINUTE)
        (run,) = await room.runs(service, "t")
        assert run["inputs"] == {"n": 3}
        await room.define(service, "t", {**DAILY, "timezone": "Europe/Madrid"})
        assert (await room.jobs(service))["daily"]["next_run"][:16] == "2026-03-03T08:00"


async def test_what_somebody_disabled_stays_so_until_a_version_says_otherwise(room: Room) -> None:
    async def enabled(*said: bool) -> bool:
        schedule = {**DAILY, "enabled": said[0]} if said else DAILY
        await room.define(service, "t", schedule)
        return bool((await room.jobs(service))["daily"]["enabled"])

    async with room.open() as service:
        assert await enabled()
        await switch(service, "daily", enabled=False)
        assert not await enabled()
        assert not await enabled(True)  # it said so before
        assert not await enabled(False)
        assert await enabled()
        await switch(service, "daily", enabled=False)
        room.clock.advance(3 * 24 * 60 * MINUTE)
        assert not await enabled(False)
        assert await enabled(True)
        next_run = (await room.jobs(service))["daily"]["next_run"]
        assert next_run > "2026-03-05T08"  # what was due while it was disabled is not made up for
        await switch(service, "daily", enabled=False)
        await switch(service, "daily", enabled=True)
        assert (await room.jobs(service))["daily"]["next_run"] == next_run


async def test_a_version_that_is_refused_changes_no_job(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", DAILY)
        before = await room.jobs(service)
        for schedule in ({**DAILY, "expression": "0 0 31 2 *"}, {**DAILY, "timezone": "Mars"}):
            with pytest.raises(ValidationError):
                await room.define(service, "t", schedule)
        with pytest.raises(ValidationError):
            await room.define(service, "t", {**DAILY, "params": {"n": 9}}, definition={"steps": []})
        await room.define(service, "t", {**DAILY, "params": {"n": 9}}, dry_run=True)
        assert await room.jobs(service) == before


async def test_jobs_and_version_are_one_transaction(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("the disk is full")

    async with room.open() as service:
        await room.define(service, "t", DAILY)
        with monkeypatch.context() as patch:
            patch.setattr(templates, "keep_jobs", fail)
            with pytest.raises(StoreError):
                await room.define(service, "t", {**DAILY, "params": {"n": 2}})
        versions = (await service.query(QueryRequest("templates", {"name": "t"})))["templates"]
        assert [row["version"] for row in versions] == ["v1"]
        assert (await room.jobs(service))["daily"]["params"] == {}


async def test_the_latest_of_many_concurrent_versions_has_the_jobs(room: Room) -> None:
    async with room.open() as service:
        told = await asyncio.gather(
            *(room.define(service, "t", {**DAILY, "params": {"n": n}}) for n in range(30))
        )
        latest = max(range(30), key=lambda n: int(told[n]["version"][1:]))
        assert told[latest]["version"] == "v30"
        assert (await room.jobs(service))["daily"]["params"] == {"n": latest}


@pytest.mark.parametrize(
    "name", ["a\x1b[31m", "../x", "x" * 128, "'; DROP TABLE jobs; --", "jöb 🚀", "__proto__", "t"]
)
async def test_names_are_only_names(room: Room, name: str) -> None:
    async with room.open() as service:
        await room.define(
            service, "t", {**DAILY, "name": name, "params": {"__proto__": {"$ref": "#"}}}
        )
        assert set(await room.jobs(service)) == {name}
        await switch(service, name, enabled=False)
        assert not (await room.jobs(service))[name]["enabled"]


async def test_a_thousand_schedules_of_one_template(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", *[{"expression": f"{n % 60} 9 * * *"} for n in range(1000)])
        rows = (await service.query(QueryRequest("jobs", {"limit": 500})))["jobs"]
        assert len(rows) == 500
        with pytest.raises(OpcodeError):
            await room.define(service, "t", *[DAILY] * 1001)
