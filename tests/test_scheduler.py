"""The scheduler on a real store and a clock that stands still: each due time once, whatever happens in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from job_room import DAY, HOUR, MINUTE, Room, due_times
from opcode_core.errors import NotFoundError, StoreError, ValidationError
from opcode_core.jobs import Jobs
from opcode_core.model.requests import QueryRequest, RunRequest, SignalRequest
from opcode_core.schedule.jobs import Claim, JobRun
from opcode_core.service import Service
from opcode_core.store.sqlite.jobs import SqliteJobs

pytestmark = [pytest.mark.anyio, pytest.mark.promise("schedules")]
EVERY_FIVE = {"expression": "*/5 * * * *", "name": "five"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, "2026-03-02T00:02:00")


def jobs_of(service: Service) -> Jobs:
    assert service.upkeep is not None
    return service.upkeep.jobs


async def test_it_runs_when_it_is_due_never_before_and_each_time_once(room: Room) -> None:
    async with room.open() as service:
        assert "warnings" not in await room.define(service, "t", {**EVERY_FIVE, "params": {"n": 1}})
        await room.pass_time(2 * MINUTE + 59)
        assert await room.runs(service, "t") == []
        await room.pass_time(1)
        (run,) = await room.runs(service, "t")
        assert run == {
            "status": "completed",
            "version": "v1",
            "inputs": {"n": 1},
            "job": {"name": "five", "due": "2026-03-02T00:05:00.000000Z"},
            "agent_id": "ann",
        }
        await room.pass_time(24 * MINUTE)
        assert await due_times(room, service, "t") == [
            f"2026-03-02T00:{minute:02}" for minute in (5, 10, 15, 20, 25)
        ]


async def test_the_latest_version_runs(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        await room.pass_time(5 * MINUTE)
        await room.define(service, "t", {**EVERY_FIVE, "params": {"n": 2}})
        await room.pass_time(5 * MINUTE)
        runs = await room.runs(service, "t")
        assert [(run["version"], run["inputs"]) for run in runs] == [("v1", {}), ("v2", {"n": 2})]


@pytest.mark.parametrize(("missed", "count"), [("once", 1), ("skip", 0), ("all", 36), (None, 1)])
async def test_after_three_hours_down(room: Room, missed: str | None, count: int) -> None:
    async with room.open() as service:
        policy = {"missed": missed} if missed else {}
        await room.define(service, "t", {**EVERY_FIVE, **policy})
    room.clock.advance(3 * HOUR)
    async with room.open() as service:
        while len(room.began) < count:
            await room.runs(service, "t")
        assert len(await room.runs(service, "t")) == len(room.began) == count
        await room.pass_time(3 * MINUTE)  # and goes on as if nothing had been
        due = await due_times(room, service, "t")
        assert (len(due), due[-1]) == (count + 1, "2026-03-02T03:05")
    async with room.open() as service:
        assert len(await room.runs(service, "t")) == count + 1


async def test_missed_runs_come_in_their_order(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "missed": "all"})
    room.clock.advance(20 * MINUTE)
    async with room.open() as service:
        while len(room.began) < 4:
            await room.runs(service, "t")
        assert await due_times(room, service, "t") == [
            f"2026-03-02T00:{minute:02}" for minute in (5, 10, 15, 20)
        ]


async def test_a_slow_job_holds_nobody_up(room: Room) -> None:
    """F55: a job of ten minutes beside one of a minute."""
    async with room.open() as service:
        await room.define(service, "slow", {"expression": "*/10 * * * *"}, action="t.wait")
        await room.define(service, "quick", {"expression": "* * * * *"})
        await room.pass_time(20 * MINUTE)
        await room.began_all(1)
        assert len(await room.runs(service, "quick")) == 20
        assert [run["status"] for run in await room.runs(service, "slow", 0)] == ["active"]
        room.gate.set()
        assert [run["status"] for run in await room.runs(service, "slow")] == ["completed"]


async def test_overlap_skip_leaves_out_what_is_due_meanwhile(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE, action="t.wait")
        await room.pass_time(20 * MINUTE)
        room.gate.set()
        await room.runs(service, "t")
        await room.pass_time(5 * MINUTE)
        assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T00:25"]


async def test_overlap_allow_runs_side_by_side(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "overlap": "allow"}, action="t.wait")
        await room.pass_time(15 * MINUTE)
        await room.began_all(3)
        assert len(await room.runs(service, "t", 0)) == 3
        room.gate.set()  # the engine would wait for them when it closes


async def test_overlap_queue_lets_one_wait(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "overlap": "queue"}, action="t.wait")
        await room.pass_time(20 * MINUTE)
        await room.began_all(1)
        assert len(await room.runs(service, "t", 0)) == 1
        room.gate.set()
        await room.began_all(1)
        assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T00:10"]


async def test_a_tick_during_catching_up(room: Room) -> None:
    """F55: what is due while missed runs are made up for is left out, or waits behind them."""
    expected = {"skip": 4, "queue": 5}
    async with room.open() as service:
        for overlap in expected:
            schedule = {**EVERY_FIVE, "missed": "all", "overlap": overlap}
            await room.define(service, overlap, schedule, action="t.wait")
    room.clock.advance(20 * MINUTE)
    async with room.open() as service:
        await room.began_all(2)
        await room.pass_time(10 * MINUTE)
        room.gate.set()
        await room.began_all(sum(expected.values()) - 2)
        for overlap, count in expected.items():
            assert len(await due_times(room, service, overlap)) == count
        assert sorted(room.began) == ["queue"] * 5 + ["skip"] * 4


async def test_a_run_that_waits_for_somebody_is_not_over(room: Room) -> None:
    async with room.open() as service:
        wait = {"id": "w", "type": "wait", "config": {"signal": "go"}}
        await room.define(service, "t", EVERY_FIVE, definition={"steps": [wait]})
        await room.pass_time(15 * MINUTE)
        (row,) = (await service.query(QueryRequest("workflows")))["workflows"]
        assert row["status"] == "suspended"
    async with room.open() as service:  # it is known to the next process too
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "t", 0)) == 1
        await service.signal(SignalRequest(row["workflow_id"], "data", {"signal": "go"}))
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "t", 0)) == 2


async def test_what_ran_when_the_process_ended_is_known_to_the_next(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE, action="t.wait")
        await room.pass_time(5 * MINUTE)
        await room.began_all(1)
        await service.drain(grace=0)
    async with room.open() as service:
        await room.began_all(1)  # it goes on
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "t", 0)) == 1
        room.gate.set()
        await room.runs(service, "t")
        await room.pass_time(5 * MINUTE)
        assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T00:15"]


async def test_a_clock_that_is_set(room: Room) -> None:
    """F51: forward, each due job runs once; backward, nothing runs again."""
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        await room.pass_time(5 * MINUTE)
        room.clock.set_wall(HOUR)
        await room.pass_time(MINUTE)  # nobody tells; it is noticed by then
        assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T01:05"]
        room.clock.set_wall(-HOUR)
        await room.pass_time(58 * MINUTE)
        assert len(await due_times(room, service, "t")) == 2
    room.clock.advance(-DAY)
    async with room.open() as service:
        await room.pass_time(10 * MINUTE)
        assert len(await due_times(room, service, "t")) == 2
    room.clock.advance(DAY)
    async with room.open() as service:
        await room.pass_time(10 * MINUTE)
        assert (await due_times(room, service, "t"))[2:] == [
            f"2026-03-02T01:{minute}" for minute in (15, 20, 25)
        ]


async def test_a_crash_after_the_claim_loses_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opcode_core.jobs import JobLauncher

    async def die(*_: Any) -> None:
        raise StoreError("the process is killed here", {"reason": "io"})

    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        with monkeypatch.context() as patch:
            patch.setattr(JobLauncher, "start_job", die)
            await room.pass_time(3 * MINUTE)
            assert await room.runs(service, "t") == []
            await service.drain(grace=0)
    async with room.open() as service:
        assert await due_times(room, service, "t") == ["2026-03-02T00:05"]
        assert room.began == ["t"]
    async with room.open() as service:
        await room.pass_time(1)
        assert room.began == ["t"]


async def test_a_crash_after_the_start_doubles_nothing(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "missed": "all", "overlap": "allow"})
        await room.pass_time(3 * MINUTE)
        (run,) = await room.runs(service, "t")
        assert run["status"] == "completed"
    for _ in range(3):
        async with room.open() as service:
            await room.pass_time(1)
            assert await due_times(room, service, "t") == ["2026-03-02T00:05"]


async def test_each_due_time_is_claimed_by_one_of_many(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        kept: SqliteJobs = jobs_of(service)._kept  # type: ignore[assignment] # of this store
        (job,) = await kept.jobs_of("t")
        claims = [
            Claim(job, (job.next_run or 0) + 1, (JobRun(f"w{number}", job.id, job.next_run),), 1)
            for number in range(20)
        ]
        held = await asyncio.gather(*(kept.claim([claim], 1) for claim in claims))
        assert sorted(held) == [[False]] * 19 + [[True]]
        waiting = (await kept.load_jobs()).waiting
        assert [run.due for run in waiting] == [job.next_run]


async def test_when_the_store_fails_it_is_asked_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        failing = 2

        async def claim(self: SqliteJobs, claims: list[Claim], now: int) -> list[bool]:
            nonlocal failing
            if failing:
                failing -= 1
                raise StoreError("the disk is full", {"reason": "full"})
            return await original(self, claims, now)

        original = SqliteJobs.claim
        monkeypatch.setattr(SqliteJobs, "claim", claim)
        await room.pass_time(3 * MINUTE)
        assert await room.runs(service, "t") == []
        await room.pass_time(MINUTE)
        assert failing == 0
        assert await due_times(room, service, "t") == ["2026-03-02T00:05"]


@pytest.mark.parametrize("overlap", ["skip", "allow", "queue"])
async def test_a_claim_of_which_nobody_knows_whether_it_was_stored(
    room: Room, monkeypatch: pytest.MonkeyPatch, overlap: str
) -> None:
    async def claim(self: SqliteJobs, claims: list[Claim], now: int) -> list[bool]:
        held = await original(self, claims, now)
        monkeypatch.setattr(SqliteJobs, "claim", original)
        assert held == [True]
        raise StoreError("the disk reports an error", {"reason": "io", "outcome": "unknown"})

    original = SqliteJobs.claim
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "overlap": overlap})
        monkeypatch.setattr(SqliteJobs, "claim", claim)
        await room.pass_time(13 * MINUTE)
        assert await due_times(room, service, "t") == [
            f"2026-03-02T00:{minute}" for minute in ("05", "10", "15")
        ]
        assert room.began == ["t"] * 3


async def test_a_job_that_cannot_start_says_why_and_holds_nobody_up(room: Room) -> None:
    async with room.open() as service:
        check = {"id": "a", "action": "t.note"}
        given = {"ref": "${{workflow.agent_id}}"}
        await room.define(
            service, "bad", EVERY_FIVE, definition={"steps": [check], "inputs": given},
            input_schema={"type": "object", "properties": {"ref": {"type": "integer"}}},
        )  # fmt: skip
        await room.define(service, "good", {"expression": "*/5 * * * *", "name": "g"})
        await room.pass_time(8 * MINUTE)
        jobs = await room.jobs(service)
        assert "not what input_schema says" in jobs["five"]["last_error"]
        assert "last_workflow_id" not in jobs["five"]
        assert await room.runs(service, "bad") == []
        assert len(await room.runs(service, "good")) == 2
        await room.define(service, "bad", EVERY_FIVE)
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "bad")) == 1
        assert "last_error" not in (await room.jobs(service))["five"]


async def test_a_time_zone_that_is_gone_stops_only_its_own_job(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "bad", EVERY_FIVE)
        await room.define(service, "good", {"expression": "*/5 * * * *", "name": "g"})
        database = jobs_of(service)._kept._database  # type: ignore[attr-defined] # of this store
        await database.transaction(
            lambda connection: connection.execute(
                "UPDATE jobs SET timezone = 'Mars/Olympus' WHERE name = 'five'"
            )
        )
    async with room.open() as service:
        await room.pass_time(8 * MINUTE)
        assert await room.runs(service, "bad") == []
        assert len(await room.runs(service, "good")) == 2


async def test_many_jobs_at_once(room: Room) -> None:
    async with room.open() as service:
        schedules = [{"expression": "5 0 * * *", "params": {"n": n}} for n in range(250)]
        await room.define(service, "t", *schedules)
        await room.pass_time(3 * MINUTE)
        runs = await room.runs(service, "t")
        assert sorted(run["inputs"]["n"] for run in runs) == list(range(250))


async def test_by_hand(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", {**EVERY_FIVE, "params": {"n": 3}, "enabled": False})
        await room.define(service, "u", {**EVERY_FIVE, "name": "five"}, {**EVERY_FIVE, "name": "x"})
        jobs = jobs_of(service)
        with pytest.raises(ValidationError, match="several jobs are meant by `five`"):
            await jobs.run("five", None)
        with pytest.raises(ValidationError, match="`five` of `u`, `x` of `u`"):
            await jobs.run("u", None)
        for name, template in (("nobody", None), ("five", "nobody"), ("", None)):
            with pytest.raises(NotFoundError):
                await jobs.run(name, template)
        await jobs.run("five", "t")
        await jobs.run("t", None)
        runs = await room.runs(service, "t")
        assert [(run["inputs"], run["job"]) for run in runs] == [({"n": 3}, {"name": "five"})] * 2
        assert room.began == ["t", "t"]
        await room.pass_time(10 * MINUTE)
        assert len(await room.runs(service, "t")) == 2  # it is disabled still


async def test_a_run_by_hand_counts_as_running(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE, action="t.wait")
        await jobs_of(service).run("five", None)
        await room.began_all(1)
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "t", 0)) == 1
        await jobs_of(service).run("five", None)  # people may
        await room.began_all(1)
        room.gate.set()
        await room.runs(service, "t")
        await room.pass_time(5 * MINUTE)
        assert len(await room.runs(service, "t")) == 3


async def test_by_hand_what_cannot_begin_is_refused(room: Room) -> None:
    async with room.open() as service:
        await room.define(
            service, "t", EVERY_FIVE, definition={"inputs": {"r": "${{workflow.agent_id}}"}},
            input_schema={"type": "object", "properties": {"r": {"type": "integer"}}},
        )  # fmt: skip
        with pytest.raises(ValidationError, match="not what input_schema says"):
            await jobs_of(service).run("five", None)
        assert (await room.jobs(service))["five"]["last_error"]
    async with room.open() as service:
        assert await room.runs(service, "t") == []


async def test_enabled_and_disabled(room: Room) -> None:
    async with room.open() as service:
        await room.define(
            service, "t", {**EVERY_FIVE, "missed": "all", "overlap": "queue"}, action="t.wait"
        )
        await room.pass_time(10 * MINUTE)
        await room.began_all(1)  # and one waits
        await jobs_of(service).enable("five", None, enabled=False)
        shown = (await room.jobs(service))["five"]
        assert (shown["enabled"], shown["next_run"]) == (False, None)
        room.gate.set()
        assert len(await room.runs(service, "t")) == 1
        await room.pass_time(HOUR)
        await jobs_of(service).enable("five", None, enabled=True)
        await room.pass_time(5 * MINUTE)
        await room.began_all(1)
        assert await due_times(room, service, "t") == ["2026-03-02T00:05", "2026-03-02T01:15"]
        before = (await room.jobs(service))["five"]["next_run"]
        await jobs_of(service).enable("five", None, enabled=True)  # it is already
        assert (await room.jobs(service))["five"]["next_run"] == before


async def test_an_agents_own_key_cannot_stand_for_a_run(room: Room) -> None:
    async with room.open() as service:
        await room.define(service, "t", EVERY_FIVE)
        (job,) = (await service.query(QueryRequest("jobs")))["jobs"]
        for key in ("five", f"job:five:{job['next_run']}", "job:five:1772409900000000"):
            await service.run(RunRequest("t", agent_id="ann", idempotency_key=key))
        await room.pass_time(5 * MINUTE)
        runs = await room.runs(service, "t")
        assert [run["job"] is not None for run in runs] == [False, False, False, True]
