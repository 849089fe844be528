"""Running workflows where it is easy to get wrong: actions that do not let go, ends that meet, what runs beside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from opcode_core import Effect, ExecutionError, Params, action
from opcode_core.errors import ConflictError, ValidationError
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

pytestmark = pytest.mark.anyio
SECONDS = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Value(Params):
    value: Any = None


class World:
    """What the test actions touch: gates to wait at, and a record of what ran."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        self.failed = asyncio.Semaphore(0)
        self.log: list[Any] = []
        self.cancelled: list[Any] = []
        self.meeting = asyncio.Barrier(2)

    async def arrive(self, count: int = 1) -> None:
        async with asyncio.timeout(SECONDS):
            for _ in range(count):
                await self.arrived.acquire()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def registry(world: World) -> Registry:  # noqa: C901 - a function an action
    @action("r.give", effect=Effect.PURE)
    def give(params: Value) -> Any:
        """Give it back."""
        return params.value

    @action("r.log", effect=Effect.UNSAFE)
    async def log(params: Value) -> Any:
        """Write it down."""
        world.log.append(params.value)
        return params.value

    @action("r.meet", effect=Effect.UNSAFE)
    async def meet(params: Value) -> Any:
        """Wait for another one."""
        await world.meeting.wait()
        return params.value

    @action("r.wait", effect=Effect.UNSAFE)
    async def wait(params: Value) -> Any:
        """Wait at the gate."""
        world.arrived.release()
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.cancelled.append(params.value)
            raise
        return params.value

    @action("r.wait_and_fail", effect=Effect.UNSAFE)
    async def wait_and_fail(params: Value) -> Any:
        """Wait at the gate, then fail."""
        world.arrived.release()
        await world.gate.wait()
        raise ExecutionError("it went wrong")

    @action("r.cling", effect=Effect.UNSAFE)
    async def cling(params: Value) -> Any:
        """Take no notice of being cancelled."""
        world.arrived.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if params.value == "raise":
                raise ExecutionError("no") from None
        return "still here"

    @action("r.fail", effect=Effect.UNSAFE)
    async def fail(params: Value) -> Any:
        """Fail."""
        world.log.append("try")
        world.failed.release()
        raise ExecutionError("it went wrong")

    @action("r.thread", effect=Effect.UNSAFE, blocking=True)
    def thread(params: Value) -> Any:
        """Crash in a thread, or tell where it ran."""
        if params.value == "exit":
            raise SystemExit(3)
        if params.value == "secret":
            raise OSError("no such thing\n" + "x" * 10_000)
        return threading.current_thread() is threading.main_thread()

    @action("r.deep", effect=Effect.PURE)
    def deep(params: Value) -> Any:
        """Give what is too deep."""
        value: Any = 1
        for _ in range(params.value):
            value = [value]
        return value

    made = load_plugins(Settings())
    made.take(Contribution("r", [give, log, meet, wait, wait_and_fail, cling, fail, thread, deep]))
    return made


@pytest.fixture
async def service(tmp_path: Path, registry: Registry) -> AsyncIterator[Service]:
    settings = Settings(db_path=tmp_path / "x.db", durability="normal", pool_size=3)
    async with open_service(settings, registry=registry) as opened:
        yield opened


def step(step_id: str, name: str, value: Any = None, *after: str, **more: Any) -> dict[str, Any]:
    made = {"id": step_id, "action": f"r.{name}", "params": {"value": value}, **more}
    return {**made, "depends_on": list(after)} if after else made


async def define(service: Service, *steps: dict[str, Any], **more: Any) -> None:
    definition = {"steps": list(steps), **more.pop("definition", {})}
    await service.define(DefineRequest("t", definition, "me", **more))


async def run(service: Service, wait_ms: int = 10_000, **params: Any) -> dict[str, Any]:
    async with asyncio.timeout(2 * SECONDS):
        return await service.run(RunRequest("t", "me", params=params, wait_ms=wait_ms))


async def ended(service: Service, begun: dict[str, Any]) -> dict[str, Any]:
    return await service.status(StatusRequest(begun["workflow_id"], wait_ms=10_000))


async def cancel(service: Service, begun: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        return await service.signal(SignalRequest(begun["workflow_id"], "cancel", {}))


async def kinds(service: Service, begun: dict[str, Any]) -> list[str]:
    chosen = {"workflow_id": begun["workflow_id"], "limit": 500}
    answer = await service.query(QueryRequest("events", chosen))
    return [one["event_type"] for one in answer["events"]]


def statuses(answer: dict[str, Any]) -> dict[str, str]:
    return {step_id: shown["status"] for step_id, shown in answer["steps"].items()}


def falling_back(to: str = "spare") -> dict[str, Any]:
    return {"on_error": {"strategy": "fallback_step", "fallback_step": to}}


async def test_steps_of_a_level_meet(service: Service) -> None:
    await define(service, step("a", "meet", 1), step("b", "meet", 2))
    assert (await run(service))["output"] == {"a": 1, "b": 2}


async def test_a_waiting_step_finishes_after_its_sibling_failed(
    service: Service, world: World
) -> None:
    await define(
        service, step("slow", "wait", "s"), step("bad", "fail"), step("z", "log", "z", "slow")
    )
    begun = await run(service, wait_ms=0)
    await world.arrive()
    world.gate.set()
    answer = await ended(service, begun)
    assert statuses(answer) == {"slow": "completed", "bad": "failed", "z": "pending"}
    assert (answer["status"], answer["error"]["step_id"]) == ("failed", "bad")
    assert (world.cancelled, world.log) == ([], ["try"])


async def test_fail_workflow_stops_an_action_that_has_begun(service: Service, world: World) -> None:
    strict = {"on_error": {"strategy": "fail_workflow"}}
    await define(service, step("bad", "wait_and_fail", **strict), step("slow", "cling", "raise"))
    begun = await run(service, wait_ms=0)
    await world.arrive(2)
    world.gate.set()
    answer = await ended(service, begun)
    assert (answer["status"], answer["error"]["step_id"]) == ("failed", "bad")
    assert "running" not in statuses(answer).values()


async def test_retries_used_up_tell_the_last_error_and_how_often(
    service: Service, world: World
) -> None:
    await define(service, step("a", "fail", retry={"max": 2, "backoff": "none"}))
    answer = await run(service)
    assert answer["error"]["code"] == "RETRY_EXHAUSTED"
    assert answer["error"]["details"] == {
        "cause": {"code": "EXECUTION_ERROR", "message": "it went wrong"},
        "attempts": 3,
    }
    assert (answer["steps"]["a"]["attempts"], world.log) == (3, ["try"] * 3)
    assert await kinds(service, answer) == [
        "workflow_started",
        "step_started",
        *["step_retrying", "step_retry_attempt"] * 2,
        "step_failed",
        "workflow_failed",
    ]


@pytest.mark.parametrize(
    "handled",
    [
        {"on_error": {"strategy": "ignore"}},
        falling_back(),
        {"on_error": {"strategy": "ignore"}, "retry": {"max": 3, "backoff": "none"}},
    ],
)
async def test_a_workflow_that_fails_on_purpose_is_handled_by_nothing(
    service: Service, world: World, handled: dict[str, Any]
) -> None:
    end = {"id": "a", "action": "workflow.fail", "params": {"reason": "enough"}, **handled}
    spare = step("spare", "log", "spare") if "fallback_step" in handled["on_error"] else None
    await define(service, *[one for one in (end, spare) if one])
    answer = await run(service)
    assert (answer["status"], answer["error"]["message"]) == ("failed", "enough")
    assert world.log == []


async def test_one_fallback_for_two_runs_once_and_is_the_output_of_both(
    service: Service, world: World
) -> None:
    await define(
        service,
        step("a", "fail", **falling_back()),
        step("b", "fail", **falling_back()),
        step("spare", "log", {"x": 1}),
        step("z", "give", ["${{steps.a.output}}", "${{steps.b.x}}"], "a", "b"),
    )
    answer = await run(service)
    assert answer["output"] == [{"x": 1}, 1]
    assert statuses(answer) == {
        "a": "failed",
        "b": "failed",
        "spare": "completed",
        "z": "completed",
    }
    assert world.log.count({"x": 1}) == 1


async def test_of_two_cancels_at_once_one_is_told_it_came_late(
    service: Service, world: World
) -> None:
    await define(service, step("a", "wait", "a"), step("b", "wait", "b"), step("c", "log", 1, "a"))
    begun = await run(service, wait_ms=0)
    await world.arrive(2)
    answers = await asyncio.gather(
        *(cancel(service, begun) for _ in range(2)), return_exceptions=True
    )
    assert [type(one) for one in answers if isinstance(one, BaseException)] == [ConflictError]
    assert sorted(world.cancelled) == ["a", "b"]
    found = await kinds(service, begun)
    assert found.count("signal_received") == found.count("workflow_cancelled") == 1
    assert found[-1] == "workflow_cancelled"


@pytest.mark.parametrize("how", ["return", "raise"])
@pytest.mark.parametrize("siblings", [0, 1])
async def test_cancel_ends_a_workflow_whose_action_takes_no_notice(
    service: Service, world: World, how: str, siblings: int
) -> None:
    beside = [step(f"w{number}", "wait", number) for number in range(siblings)]
    await define(service, step("a", "cling", how), *beside, step("z", "log", "z", "a"))
    begun = await run(service, wait_ms=0)
    await world.arrive(1 + siblings)
    assert (await cancel(service, begun))["status"] == "cancelled"
    answer = await ended(service, begun)
    assert (answer["status"], world.log) == ("cancelled", [])
    assert "running" not in statuses(answer).values()


async def test_cancel_ends_a_pause_between_attempts(service: Service, world: World) -> None:
    await define(service, step("a", "fail", retry={"max": 1, "backoff": "constant", "delay": "1h"}))
    begun = await run(service, wait_ms=0)
    async with asyncio.timeout(SECONDS):
        await world.failed.acquire()
    await cancel(service, begun)
    assert statuses(await ended(service, begun)) == {"a": "skipped"}
    assert "step_retrying" in await kinds(service, begun)


async def test_cancel_reaches_what_waits_for_a_place_and_gives_places_back(
    service: Service, world: World
) -> None:
    await define(service, *(step(f"s{number}", "wait", number) for number in range(5)))
    first, second = [await run(service, wait_ms=0) for _ in range(2)]
    await world.arrive(3)
    await cancel(service, second)
    await cancel(service, first)
    assert sorted(world.cancelled) == [0, 1, 2]
    third = await run(service, wait_ms=0)
    await world.arrive(3)
    world.gate.set()
    assert (await ended(service, third))["status"] == "completed"


async def test_a_key_gives_the_run_that_goes_on_and_the_one_that_ended(
    service: Service, world: World
) -> None:
    await define(service, step("a", "wait", 1))
    request = RunRequest("t", "me", idempotency_key="k", wait_ms=0)
    begun = await service.run(request)
    again = await service.run(request)
    assert (again["workflow_id"], again["status"]) == (begun["workflow_id"], "active")
    world.gate.set()
    await ended(service, begun)
    after = await service.run(request)
    assert (after["workflow_id"], after["output"]) == (begun["workflow_id"], 1)
    assert (await run(service))["workflow_id"] != begun["workflow_id"]


@pytest.mark.parametrize("how", ["exit", "secret"])
async def test_a_thread_that_crashes_fails_its_step_in_few_words(
    service: Service, how: str
) -> None:
    await define(service, step("a", "thread", how))
    answer = await run(service)
    assert answer["error"]["code"] == "EXECUTION_ERROR"
    assert len(answer["error"]["message"]) < 1000
    assert "Traceback" not in str(answer)
    await define(service, step("a", "thread"))
    assert (await run(service))["output"] is False


async def test_an_output_that_is_too_deep_fails_its_step(service: Service) -> None:
    await define(service, step("a", "deep", 100))
    assert (await run(service))["status"] == "completed"
    await define(service, step("a", "deep", 100_000))
    answer = await run(service)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "EXECUTION_ERROR")


@pytest.mark.parametrize("depth", [252, 253, 254, 255])
async def test_an_output_at_the_edge_of_what_can_be_written_ends_its_workflow(
    service: Service, depth: int
) -> None:
    await define(service, step("a", "deep", depth), step("b", "give", 1))
    assert (await run(service))["status"] in ("completed", "failed")


async def test_the_output_of_the_definition_of_the_last_step_or_of_all_last_steps(
    service: Service,
) -> None:
    two = step("a", "give", 1), step("b", "give", 2, condition="false")
    await define(service, *two)
    assert (await run(service))["output"] == {"a": 1, "b": None}
    await define(service, *two, step("z", "give", 3, "a", "b"))
    assert (await run(service))["output"] == 3
    shown = {"of": ["${{steps.a.output}}", "${{workflow.status}}"]}
    await define(service, *two, definition={"output": shown})
    assert (await run(service))["output"] == {"of": [1, "completed"]}


async def test_inputs_are_defaults_then_params_then_defaults_of_the_schema(
    service: Service,
) -> None:
    schema = {
        "type": "object",
        "properties": {"c": {"default": 3}, "n": {"type": ["integer", "null"]}},
    }
    definition = {"inputs": {"a": 1, "n": "${{context.n}}"}, "context": {"n": 7}}
    await define(
        service,
        step("z", "give", "${{inputs}}"),
        definition=definition,
        input_schema=schema,
    )
    assert (await run(service))["output"] == {"a": 1, "n": 7, "c": 3}
    changed = await run(service, a=2, n=None, extra=True)
    assert changed["output"] == {"a": 2, "n": None, "c": 3, "extra": True}
    with pytest.raises(ValidationError) as caught:
        await run(service, n="text")
    assert caught.value.details is not None
    assert [issue["path"] for issue in caught.value.details["issues"]] == ["/n"]
    listed = await service.query(QueryRequest("workflows"))
    assert len(listed["workflows"]) == 2, "what is refused leaves nothing behind"


async def test_a_step_that_fails_while_it_closes_leaves_its_fallback_for_later(
    service: Service, world: World
) -> None:
    await define(service, step("a", "wait_and_fail", **falling_back()), step("spare", "log", 1))
    caller = asyncio.create_task(run(service))
    await world.arrive()
    closing = asyncio.create_task(service.drain())
    await asyncio.sleep(0)
    world.gate.set()
    async with asyncio.timeout(SECONDS):
        await closing
        answer = await caller
    assert answer["status"] == "active"
    assert statuses(answer) == {"a": "failed", "spare": "pending"}
    assert world.log == []


async def test_closing_does_not_wait_for_a_pause_between_attempts(
    service: Service, world: World
) -> None:
    await define(service, step("a", "fail", retry={"max": 1, "backoff": "constant", "delay": "1h"}))
    begun = await run(service, wait_ms=0)
    async with asyncio.timeout(SECONDS):
        await world.failed.acquire()
    async with asyncio.timeout(SECONDS / 2):
        await service.drain()
    assert (await ended(service, begun))["status"] == "active"


async def test_nothing_blocks_the_loop_when_things_go_wrong(
    tmp_path: Path, registry: Registry, world: World
) -> None:
    settings = Settings(db_path=tmp_path / "y.db", durability="normal")
    with blockbuster_ctx("opcode_core"):
        async with open_service(settings, registry=registry) as service:
            await define(
                service,
                step("a", "fail", retry={"max": 1, "backoff": "none"}, **falling_back()),
                step("spare", "thread"),
                step("b", "give", "${{steps.a.output}}", "a", condition="1 + 1 == 2"),
                step("c", "wait", "c", "b"),
            )
            begun = await run(service, wait_ms=0)
            await world.arrive()
            await cancel(service, begun)
            answer = await ended(service, begun)
    assert statuses(answer) == {
        "a": "failed",
        "spare": "completed",
        "b": "completed",
        "c": "skipped",
    }
