"""Running workflows: levels, guards, failure, cancellation, ending; and that state is what the events say."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from opcode_core import Effect, ExecutionError, NonRetryableError, Params, action
from opcode_core.errors import ConflictError, StoreError, ValidationError
from opcode_core.model.answers import workflow_answer
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution, Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.store.sqlite import views
from opcode_core.store.sqlite.database import Database
from opcode_core.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
SECONDS = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Given(Params):
    value: Any = None


class World:
    """What the test actions touch: gates to wait at, and a record of what ran."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.running = 0
        self.most = 0
        self.arrived = asyncio.Semaphore(0)
        self.log: list[Any] = []
        self.cancelled: list[Any] = []


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def registry(world: World) -> Registry:
    @action("t.give", effect=Effect.PURE)
    def give(params: Given) -> Any:
        """Give it back."""
        return params.value

    @action("t.log", effect=Effect.UNSAFE)
    def log(params: Given) -> Any:
        """Write it down."""
        world.log.append(params.value)
        return params.value

    @action("t.wait", effect=Effect.UNSAFE)
    async def wait(params: Given) -> Any:
        """Wait at the gate."""
        world.running += 1
        world.most = max(world.most, world.running)
        world.arrived.release()
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.cancelled.append(params.value)
            raise
        finally:
            world.running -= 1
        return params.value

    @action("t.thread", effect=Effect.IDEMPOTENT, blocking=True)
    def thread(params: Given) -> Any:
        """Give it back from a thread."""
        return params.value

    @action("t.fail", effect=Effect.PURE)
    def fail(params: Given) -> Any:
        """Fail, as often as told."""
        world.log.append("try")
        if params.value is None or world.log.count("try") <= params.value:
            raise ExecutionError("it went wrong", {"n": 1})
        return "at last"

    @action("t.hopeless", effect=Effect.UNSAFE)
    async def hopeless() -> Any:
        """Fail for good."""
        raise NonRetryableError("no way")

    @action("t.crash", effect=Effect.UNSAFE)
    async def crash(params: Given) -> Any:
        """Do what no action may."""
        crashes: dict[str, Any] = {
            "exit": SystemExit(3),
            "recursion": RecursionError("too deep"),
            "cancelled": asyncio.CancelledError(),
            "key": KeyError("k"),
            "interrupt": KeyboardInterrupt(),
        }
        if params.value in crashes:
            raise crashes[params.value]
        outputs: dict[str, Any] = {
            "nan": math.nan,
            "set": {1},
            "bytes": b"x",
            "surrogate": "\ud800",
            "big": 2**70,
        }
        return outputs[params.value]

    @action("t.burst", effect=Effect.PURE)
    def burst(params: Given) -> Any:
        """The same in place."""
        raise {
            "exit": SystemExit,
            "interrupt": KeyboardInterrupt,
            "cancelled": asyncio.CancelledError,
        }[params.value]

    made = load_plugins(Settings())
    made.take(Contribution("t", [burst, give, log, wait, thread, fail, hopeless, crash]))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(db_path=tmp_path / "x.db", durability="normal", pool_size=3)


@pytest.fixture
async def service(settings: Settings, registry: Registry) -> AsyncIterator[Service]:
    async with open_service(settings, registry=registry) as opened:
        yield opened


async def define(service: Service, *steps: dict[str, Any], name: str = "t", **more: Any) -> None:
    await service.define(DefineRequest(name, {"steps": list(steps), **more}, "me"))


async def run(
    service: Service, name: str = "t", wait_ms: int = 10_000, **params: Any
) -> dict[str, Any]:
    return await service.run(RunRequest(name, "me", params=params, wait_ms=wait_ms))


def step(step_id: str, name: str, value: Any = None, **more: Any) -> dict[str, Any]:
    params = {} if name == "t.hopeless" else {"value": value}
    return {"id": step_id, "action": name, "params": params, **more}


def after(*ids: str) -> dict[str, Any]:
    return {"depends_on": list(ids)}


def statuses(answer: dict[str, Any]) -> dict[str, str]:
    return {step_id: shown["status"] for step_id, shown in answer["steps"].items()}


async def events(service: Service, workflow_id: str) -> list[dict[str, Any]]:
    answer = await service.query(QueryRequest("events", {"workflow_id": workflow_id, "limit": 500}))
    return list(answer["events"])


async def arrive(world: World, count: int) -> None:
    async with asyncio.timeout(SECONDS):
        for _ in range(count):
            await world.arrived.acquire()


async def test_a_run_of_two_steps_leaves_six_events(service: Service) -> None:
    await define(service, step("a", "t.give", 1), step("b", "t.log", 2, **after("a")))
    answer = await run(service)
    found = [
        (one["sequence"], one["event_type"], one.get("step_id"))
        for one in await events(service, answer["workflow_id"])
    ]
    assert found == [
        (1, "workflow_started", None),
        (2, "step_started", "a"),
        (3, "step_completed", "a"),
        (4, "step_started", "b"),
        (5, "step_completed", "b"),
        (6, "workflow_completed", None),
    ]


async def test_steps_of_a_level_run_at_once_and_the_next_level_after_all(
    service: Service, world: World
) -> None:
    await define(
        service,
        step("a", "t.wait"),
        step("b", "t.wait"),
        step("c", "t.log", "c", **after("a", "b")),
    )
    begun = await run(service, wait_ms=0)
    await arrive(world, 2)
    assert begun["status"] == "active"
    assert world.log == []
    world.gate.set()
    answer = await service.status(StatusRequest(begun["workflow_id"], wait_ms=10_000))
    assert set(statuses(answer).values()) == {"completed"}
    assert world.log == ["c"]


async def test_no_more_actions_at_once_than_the_pool_has_places(
    service: Service, world: World
) -> None:
    await define(service, *(step(f"s{n}", "t.wait") for n in range(4)))
    runs = [await run(service, wait_ms=0) for _ in range(3)]
    await arrive(world, 3)
    world.gate.set()
    for begun in runs:
        assert (await service.status(StatusRequest(begun["workflow_id"], wait_ms=10_000)))[
            "status"
        ] == "completed"
    assert world.most == 3


async def test_guards_skip_and_what_depends_on_a_skipped_step_runs(service: Service) -> None:
    await define(
        service,
        step("no", "t.give", condition="inputs.go"),
        step("next", "t.give", 1, **after("no")),
        step("only", "t.give", condition="steps.no.status == 'completed'", **after("no")),
        step("seen", "t.give", "${{steps.no.output}}", **after("no")),
    )
    answer = await run(service, go=False)
    assert statuses(answer) == {
        "no": "skipped",
        "next": "completed",
        "only": "skipped",
        "seen": "completed",
    }


@pytest.mark.parametrize(
    ("guard", "code"), [("inputs.n", "EXECUTION_ERROR"), ("inputs.missing", "INTERPOLATION_ERROR")]
)
async def test_a_guard_that_gives_no_verdict_fails_its_step_once(
    service: Service, guard: str, code: str
) -> None:
    await define(service, step("a", "t.give", condition=guard, retry={"max": 3, "backoff": "none"}))
    answer = await run(service, n=1)
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == code
    kinds = [one["event_type"] for one in await events(service, answer["workflow_id"])]
    assert kinds == ["workflow_started", "step_failed", "workflow_failed"]


async def test_after_a_failure_the_level_finishes_and_nothing_later_starts(
    service: Service, world: World
) -> None:
    await define(
        service,
        step("bad", "t.hopeless"),
        step("ok", "t.log", 1),
        step("later", "t.log", 2, **after("ok")),
    )
    answer = await run(service)
    assert statuses(answer) == {"bad": "failed", "ok": "completed", "later": "pending"}
    assert answer["error"] == {"code": "NON_RETRYABLE", "message": "no way", "step_id": "bad"}
    assert world.log == [1]


async def test_fail_workflow_cancels_what_runs_beside_it(service: Service, world: World) -> None:
    bad = step("bad", "t.hopeless", on_error={"strategy": "fail_workflow"})
    await define(service, step("slow", "t.wait", "slow"), bad)
    async with asyncio.timeout(SECONDS):
        answer = await run(service)
    assert answer["status"] == "failed"
    assert statuses(answer) == {"slow": "skipped", "bad": "failed"}


async def test_an_ignored_error_is_readable_and_the_rest_runs(service: Service) -> None:
    bad = step("bad", "t.fail", on_error={"strategy": "ignore"})
    await define(
        service, bad, step("next", "t.give", "${{steps.bad.output.error.code}}", **after("bad"))
    )
    answer = await run(service)
    assert statuses(answer) == {"bad": "skipped", "next": "completed"}
    assert answer["output"] == "EXECUTION_ERROR"


async def test_a_fallback_stands_in_and_is_skipped_when_not_needed(service: Service) -> None:
    first = step(
        "first",
        "t.fail",
        "${{inputs.times}}",
        on_error={"strategy": "fallback_step", "fallback_step": "spare"},
    )
    await define(service, first, step("spare", "t.give", {"from": "spare"}))
    failed = await run(service, times=99)
    assert statuses(failed) == {"first": "failed", "spare": "completed"}
    assert failed["output"] == {"from": "spare"}
    fine = await run(service, times=0)
    assert statuses(fine) == {"first": "completed", "spare": "skipped"}


async def test_a_fallback_that_fails_fails_the_workflow(service: Service) -> None:
    first = step(
        "first", "t.hopeless", on_error={"strategy": "fallback_step", "fallback_step": "spare"}
    )
    await define(service, first, step("spare", "t.hopeless"))
    answer = await run(service)
    assert (answer["status"], answer["error"]["step_id"]) == ("failed", "spare")


@pytest.mark.parametrize(("times", "status", "attempts"), [(2, "completed", 3), (9, "failed", 4)])
async def test_attempts_are_counted_and_used_up(
    service: Service, times: int, status: str, attempts: int
) -> None:
    await define(service, step("a", "t.fail", times, retry={"max": 3, "backoff": "none"}))
    answer = await run(service)
    assert answer["status"] == status
    assert answer["steps"]["a"]["attempts"] == attempts
    if status == "failed":
        assert answer["error"]["code"] == "RETRY_EXHAUSTED"
        assert answer["error"]["details"]["attempts"] == 4
        assert answer["error"]["details"]["cause"]["code"] == "EXECUTION_ERROR"


async def test_a_timeout_holds_for_each_attempt(service: Service, world: World) -> None:
    await define(
        service, step("a", "t.wait", "a", timeout="20ms", retry={"max": 1, "backoff": "none"})
    )
    answer = await run(service)
    assert answer["error"]["details"]["cause"]["code"] == "TIMEOUT_ERROR"
    assert world.cancelled == ["a", "a"]


@pytest.mark.parametrize(
    "how",
    [
        "exit",
        "recursion",
        "cancelled",
        "key",
        "interrupt",
        "nan",
        "set",
        "bytes",
        "surrogate",
        "big",
    ],
)
async def test_an_action_that_crashes_is_an_execution_error(service: Service, how: str) -> None:
    await define(service, step("a", "t.crash", how))
    answer = await run(service)
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "EXECUTION_ERROR"
    assert "Traceback" not in answer["error"]["message"]
    assert (await run(service))["status"] == "failed", "the engine goes on"


@pytest.mark.parametrize("how", ["exit", "interrupt", "cancelled"])
async def test_an_action_that_crashes_in_place_is_one_too(service: Service, how: str) -> None:
    await define(service, step("a", "t.burst", how))
    answer = await run(service)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "EXECUTION_ERROR")


async def test_cancel_stops_what_runs_and_nothing_happens_afterwards(
    service: Service, world: World
) -> None:
    await define(service, step("a", "t.wait", "a"), step("b", "t.log", "b", **after("a")))
    begun = await run(service, wait_ms=0)
    await arrive(world, 1)
    signal = SignalRequest(begun["workflow_id"], "cancel", {}, agent_id="you")
    assert (await service.signal(signal))["ok"] is True
    answer = await service.status(StatusRequest(begun["workflow_id"]))
    assert answer["status"] == "cancelled"
    assert statuses(answer) == {"a": "skipped", "b": "skipped"}
    assert (world.cancelled, world.log) == (["a"], [])
    before = await events(service, begun["workflow_id"])
    assert before[-1]["event_type"] == "workflow_cancelled"
    with pytest.raises(ConflictError):
        await service.signal(signal)
    assert await events(service, begun["workflow_id"]) == before


async def test_a_caller_that_goes_away_stops_nothing(service: Service, world: World) -> None:
    await define(service, step("a", "t.wait", "a"))
    caller = asyncio.create_task(run(service))
    await arrive(world, 1)
    caller.cancel()
    await asyncio.wait((caller,))
    world.gate.set()
    listed = (await service.query(QueryRequest("workflows")))["workflows"]
    answer = await service.status(StatusRequest(listed[0]["workflow_id"], wait_ms=10_000))
    assert (answer["status"], world.cancelled) == ("completed", [])


async def test_one_key_is_one_run_also_when_asked_at_once(service: Service, world: World) -> None:
    await define(service, step("a", "t.log", 1))
    request = RunRequest("t", "me", idempotency_key="k")
    answers = await asyncio.gather(*(service.run(request) for _ in range(8)))
    assert len({answer["workflow_id"] for answer in answers}) == 1
    other = await service.run(replace(request, agent_id="you"))
    assert other["workflow_id"] != answers[0]["workflow_id"]
    assert world.log == [1, 1]


async def test_an_output_that_cannot_be_had_fails_the_workflow(service: Service) -> None:
    await define(service, step("a", "t.give", 1), output={"x": "${{inputs.missing}}"})
    answer = await run(service)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "INTERPOLATION_ERROR")
    request = DefineRequest(
        "o", {"steps": [step("a", "t.give", "text")]}, "me", output_schema={"type": "integer"}
    )
    await service.define(request)
    assert (await run(service, "o"))["error"]["code"] == "VALIDATION_ERROR"


async def test_a_large_output_is_cut_in_answers_and_whole_for_steps(service: Service) -> None:
    await define(
        service,
        step("a", "t.give", "${{inputs.x}}"),
        step("b", "t.give", "${{ size(steps.a.output) }}", **after("a")),
    )
    answer = await run(service, x="y" * 100_000)
    assert answer["steps"]["a"]["output"] == {
        "truncated": True,
        "bytes": 100_002,
        "preview": "y" * 1000,
    }
    assert answer["output"] == 100_000


async def test_when_it_closes_running_steps_finish_and_later_ones_do_not_begin(
    service: Service, world: World
) -> None:
    await define(service, step("a", "t.wait", "a"), step("b", "t.log", "b", **after("a")))
    begun = await run(service, wait_ms=0)
    await arrive(world, 1)
    closing = asyncio.create_task(service.drain())
    await asyncio.sleep(0)
    world.gate.set()
    await closing
    answer = await service.status(StatusRequest(begun["workflow_id"]))
    assert statuses(answer) == {"a": "completed", "b": "pending"}
    assert answer["status"] == "active"
    with pytest.raises(ConflictError):
        await run(service)


async def test_nothing_blocks_the_loop(settings: Settings, registry: Registry) -> None:
    with blockbuster_ctx("opcode_core"):
        async with open_service(settings, registry=registry) as service:
            await define(
                service,
                step("a", "t.thread", 1),
                step("b", "t.log", 2, condition="1 + 1 == 2"),
                step("c", "t.fail"),
            )
            assert (await run(service))["status"] == "failed"
            await service.query(QueryRequest("workflows"))


async def varied(service: Service) -> list[str]:
    await define(
        service,
        step("a", "t.give", {"n": 1}),
        step("b", "t.log", "${{steps.a.output.n}}", **after("a")),
    )
    spare = {"strategy": "fallback_step", "fallback_step": "s"}
    await define(
        service, step("f", "t.fail", on_error=spare), step("s", "t.give", 1), name="fallback"
    )
    await define(service, step("f", "t.fail", on_error={"strategy": "ignore"}), name="ignore")
    await define(service, step("f", "t.fail", retry={"max": 2, "backoff": "none"}), name="fail")
    await define(service, step("w", "t.wait"), name="wait")
    ids = [
        (await run(service, name))["workflow_id"]
        for name in ("t", "fallback", "ignore", "fail", "t")
    ]
    waiting = await run(service, "wait", wait_ms=0)
    await service.signal(SignalRequest(waiting["workflow_id"], "cancel", {}))
    return [*ids, waiting["workflow_id"]]


async def test_state_is_what_the_events_say(settings: Settings, registry: Registry) -> None:
    async with open_service(settings, registry=registry) as service:
        ids = await varied(service)
        live = [await service.status(StatusRequest(workflow_id)) for workflow_id in ids]
    async with open_service(settings, registry=registry) as reopened:
        store = reopened._store
        assert isinstance(store, SqliteStore)
        for workflow_id, shown in zip(ids, live, strict=True):
            assert await reopened.status(StatusRequest(workflow_id)) == shown
            state = await store.state_of(workflow_id)
            assert state is not None
            assert workflow_answer(state, shown["steps"])["steps"] == shown["steps"]
            numbers = [one["sequence"] for one in await events(reopened, workflow_id)]
            assert numbers == list(range(1, len(numbers) + 1))
        before = await store._database.read("SELECT * FROM workflows ORDER BY workflow_id")
        assert await store._database.transaction(views.rebuild) == len(ids)
        assert await store._database.read("SELECT * FROM workflows ORDER BY workflow_id") == before
        assert {row[3] for row in before} == {"completed", "failed", "cancelled"}


async def test_a_commit_that_fails_is_told_and_leaves_no_gap(
    service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await define(service, step("a", "t.log", 1), step("b", "t.log", 2, **after("a")))
    commit = Database.commit
    calls, full = 0, True

    async def failing(self: Database, work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= 2 and full:
            raise StoreError("the disk is full", {"reason": "full"})
        return await commit(self, work)

    monkeypatch.setattr(Database, "commit", failing)
    with pytest.raises(StoreError) as caught:
        await run(service, wait_ms=100)
    assert caught.value.details == {"reason": "full"}
    listed = (await service.query(QueryRequest("workflows")))["workflows"]
    workflow_id = listed[0]["workflow_id"]
    assert [one["sequence"] for one in await events(service, workflow_id)] == [1, 2]
    with pytest.raises(StoreError):
        await run(service)
    full = False
    answer = await service.status(StatusRequest(workflow_id, wait_ms=5000))
    assert answer["status"] == "completed", "it goes on by itself"
    found = await events(service, workflow_id)
    assert [one["sequence"] for one in found] == list(range(1, len(found) + 1))
    assert world.log == [1, 2], "nothing ran twice"
    assert (await run(service))["status"] == "completed", "the next one works"
    assert len((await service.query(QueryRequest("workflows")))["workflows"]) == 2


async def test_events_of_many_runs_share_commits(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await define(service, step("a", "t.give", 1))
    await run(service)
    commit = Database.commit
    calls = 0

    async def counting(self: Database, work: Any) -> Any:
        nonlocal calls
        calls += 1
        return await commit(self, work)

    monkeypatch.setattr(Database, "commit", counting)
    await asyncio.gather(*(run(service) for _ in range(50)))
    assert calls <= 5


async def test_a_hundred_defines_at_once_make_a_hundred_versions(service: Service) -> None:
    request = DefineRequest("many", {"steps": [step("a", "t.give")]}, "me")
    answers = await asyncio.gather(*(service.define(request) for _ in range(100)))
    assert {answer["version"] for answer in answers} == {f"v{n}" for n in range(1, 101)}


async def test_lists_come_in_parts_without_gaps_or_repeats(service: Service) -> None:
    await define(service, step("a", "t.give"))
    for _ in range(7):
        await run(service)
    for resource, chosen in (
        ("workflows", {}),
        ("events", {"event_type": "step_completed"}),
        ("actions", {}),
    ):
        whole = (await service.query(QueryRequest(resource, {**chosen, "limit": 500})))[resource]
        parts: list[Any] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await service.query(QueryRequest(resource, {**chosen, "limit": 3, **cursor}))
            parts += page[resource]
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        assert parts == whole


@pytest.mark.parametrize("cursor", ["x", "WzFd", "W10=", "é", "bnVsbA=="])
async def test_a_cursor_that_was_not_handed_out_is_refused(service: Service, cursor: str) -> None:
    with pytest.raises(ValidationError):
        await service.query(QueryRequest("events", {"event_type": "x", "cursor": cursor}))
