"""The definitions that are run and killed, and how a client brings them to their end whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opcode_core.errors import ConflictError
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.service import Service

AGENT = "crash"
JOB_RUNS = 2


@dataclass(frozen=True)
class Workload:
    """Something that is run and killed.

    Attributes:
        templates: Name → definition; the last one is run.
        triggers: Of the template `job`, if there is one.
        speed: How much faster than the world's its clock goes.
    """

    templates: dict[str, Any]
    triggers: Any = None
    speed: float = 1.0
    params: dict[str, Any] = field(default_factory=dict)


def step(step_id: str, kind: str, *after: str, **more: Any) -> dict[str, Any]:
    """A step that runs one of the actions."""
    made = {"id": step_id, "type": "action", "action": f"c.{kind}", **more}
    made.setdefault("params", {"name": step_id})
    return {**made, "depends_on": list(after)} if after else made


def _linear() -> Workload:
    steps = [
        step("think", "think", params={"name": "think", "value": "${{inputs.n}}"}),
        step(
            "compute",
            "compute",
            "think",
            params={"name": "compute", "value": "${{steps.think.value}}"},
        ),
        step("put", "put", "compute"),
        step("send", "send", "put"),
        step("again", "send", "send", on_interrupt="retry"),
        step("last", "think", "again", params={"name": "last", "value": "${{steps.send.sent}}"}),
    ]
    return Workload({"linear": {"steps": steps}}, params={"n": 7})


def _loop_in_parallel() -> Workload:
    body = [
        step("put", "put", params={"name": "put ${{loop.item}}"}),
        step("send", "send", params={"name": "send ${{loop.item}}"}),
    ]
    loop = {
        "id": "loop",
        "type": "loop",
        "config": {"mode": "for_each", "over": ["a", "b", "c"], "concurrency": 2, "body": body},
    }
    branches = {"true": [step("yes", "send", params={"name": "yes"})]}
    condition = {
        "id": "choose",
        "type": "condition",
        "config": {"expression": "1 + 1 == 2", "branches": branches},
    }
    both = {
        "id": "both",
        "type": "parallel",
        "config": {"mode": "all", "branches": [[loop], [condition]]},
    }
    return Workload({"nested": {"steps": [both, step("end", "send", "both")]}})


def _decisions() -> Workload:
    ask = {
        "id": "ask",
        "type": "reasoning",
        "config": {
            "prompt_context": "Which?",
            "options": [{"id": "one"}, {"id": "two"}],
        },
    }
    wait = {"id": "go", "type": "wait", "config": {"signal": "go"}, "depends_on": ["act"]}
    act = step("act", "send", "ask", params={"name": "act ${{steps.ask.choice}}"})
    end = step("end", "send", "go", params={"name": "end ${{steps.go.payload.n}}"})
    return Workload({"decisions": {"steps": [ask, act, wait, end]}})


def _child() -> Workload:
    child = {"steps": [step("deep", "send"), step("deeper", "put", "deep")]}
    run = {
        "id": "run",
        "type": "action",
        "action": "workflow.run",
        "params": {"template_name": "child"},
        "depends_on": ["first"],
    }
    parent = {"steps": [step("first", "send"), run, step("end", "send", "run")]}
    return Workload({"child": child, "parent": parent})


def _waits_and_cron() -> Workload:
    pause = {"id": "pause", "type": "wait", "config": {"duration": "8s"}, "depends_on": ["first"]}
    retry = {"max": 2, "backoff": "constant", "delay": "2s"}
    steps = [
        step("first", "send"),
        pause,
        step("flaky", "flaky", "pause", retry=retry),
        step("end", "send", "flaky"),
    ]
    job = {"steps": [step("tick", "send", params={"name": "tick ${{workflow.run_id}}"})]}
    cron = {
        "cron": [{"name": "tick", "expression": "* * * * *", "missed": "all", "overlap": "allow"}]
    }
    return Workload({"job": job, "waits": {"steps": steps}}, triggers=cron, speed=240.0)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "linear": _linear,
    "loop in parallel": _loop_in_parallel,
    "reasoning and signals": _decisions,
    "child workflow": _child,
    "waits and cron": _waits_and_cron,
}


async def drive(service: Service, workload: Workload) -> dict[str, Any]:
    """Bring a workload to its end, as a client does that does not know what happened before.

    Returns:
        The last answer about its main workflow.
    """
    main = list(workload.templates)[-1]
    await _define(service, workload)
    answer = await service.run(
        RunRequest(main, AGENT, params=workload.params, idempotency_key="the one", wait_ms=5000)
    )
    while answer["status"] in ("active", "suspended"):
        if answer["status"] == "suspended":
            await answer_it(service, answer)
        answer = await service.status(StatusRequest(answer["workflow_id"], wait_ms=5000))
    if workload.triggers is not None:
        await _stop_job(service)
    return answer


async def _define(service: Service, workload: Workload) -> None:
    for name, definition in workload.templates.items():
        found = await service.query(QueryRequest("templates", {"name": name}))
        if not found["templates"]:
            triggers = workload.triggers if name == "job" else None
            await service.define(DefineRequest(name, definition, AGENT, triggers=triggers))


async def answer_it(service: Service, answer: dict[str, Any]) -> None:
    """Give a suspended workflow, or the child it waits for, what it waits for."""
    workflow_id = answer["workflow_id"]
    for step_id, found in answer["steps"].items():
        if found["status"] != "suspended":
            continue
        try:
            if (found.get("error") or {}).get("code") == "INTERRUPTED":
                await _signal(service, workflow_id, "retry", step_id, {})
            elif step_id == "ask":
                await _signal(service, workflow_id, "decision", step_id, {"choice": "two"})
            elif step_id == "go":
                await _signal(service, workflow_id, "data", step_id, {"signal": "go", "n": 5})
            elif step_id == "run":
                await _answer_child(service, workflow_id)
        except ConflictError:
            return  # what was sent before the crash has done it


async def _answer_child(service: Service, parent_id: str) -> None:
    rows = (await service.query(QueryRequest("workflows", {"template_name": "child"})))["workflows"]
    for row in rows:
        if row.get("parent_workflow_id") == parent_id and row["status"] == "suspended":
            await answer_it(service, await service.status(StatusRequest(row["workflow_id"])))


async def _signal(
    service: Service, workflow_id: str, kind: str, step_id: str, payload: dict[str, Any]
) -> None:
    await service.signal(
        SignalRequest(workflow_id, kind, payload, step_id=step_id, agent_id=AGENT, wait_ms=5000)
    )


async def _stop_job(service: Service) -> None:
    """Let the job run a few times, then no more, and wait until its runs have ended."""
    while True:
        rows = (await service.query(QueryRequest("workflows", {"template_name": "job"})))[
            "workflows"
        ]
        if len(rows) >= JOB_RUNS:
            break
        await asyncio.sleep(0.02)
    assert service.upkeep is not None
    await service.upkeep.jobs.enable("tick", "job", enabled=False)
    while True:
        rows = (await service.query(QueryRequest("workflows", {"template_name": "job"})))[
            "workflows"
        ]
        open_rows = [row for row in rows if row["status"] in ("active", "suspended")]
        if not open_rows:
            return
        for row in open_rows:
            await answer_it(service, await service.status(StatusRequest(row["workflow_id"])))
        await asyncio.sleep(0.02)
