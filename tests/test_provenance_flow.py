"""What a step's output brought in stays from a step: through items of loops, through inputs of children, to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core import ActionContext, Effect, Params, action
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import Contribution
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio
LIST = {"id": "list", "action": "p.give", "params": {"value": [{"v": "touch", "w": ["x"]}]}}


class Value(Params):
    value: Any = None


@action("p.give", effect=Effect.PURE)
def give(params: Value) -> Any:
    """Give it back."""
    return params.value


@action("p.sources", effect=Effect.UNSAFE)
async def sources(params: Value, context: ActionContext) -> Any:
    """Give what the value's provenance says."""
    return sorted(context.provenance.sources("value"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    registry = load_plugins(Settings())
    registry.take(Contribution("p", [give, sources]))
    settings = Settings(db_path=tmp_path / "x.db", durability="normal")
    async with open_service(settings, registry=registry) as opened:
        yield opened


async def run(service: Service, *steps: dict[str, Any], **params: Any) -> dict[str, Any]:
    await service.define(DefineRequest("t", {"steps": list(steps)}, "me"))
    return await service.run(RunRequest("t", "me", params=params, wait_ms=20_000))


def look(value: str) -> dict[str, Any]:
    return {"id": "look", "action": "p.sources", "params": {"value": value}}


def loop(over: Any, *body: dict[str, Any], **more: Any) -> dict[str, Any]:
    config = {"mode": "for_each", "over": over, "body": list(body), **more}
    return {"id": "each", "type": "loop", "depends_on": ["list"], "config": config}


@pytest.mark.parametrize(
    ("over", "value", "expected"),
    [
        ("${{steps.list.output}}", "${{loop.item.v}}", ["loop", "steps"]),
        (["${{steps.list.output[0].v}}"], "a ${{loop.item}}", ["loop", "steps"]),
        ("steps.list.output", "${{iter.item.v + ''}}", ["loop", "steps"]),
        (".steps.list.output[]", "${{loop.item.v}}", ["loop", "steps"]),
        ("${{inputs.names}}", "${{loop.item}}", ["inputs", "loop"]),
        (["a"], "${{loop.item}}", ["loop"]),
        (["a"], "${{loop.last}}", ["loop", "steps"]),
        (["a"], "literal", []),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 2])
async def test_an_item_comes_from_where_its_list_came_from(
    service: Service, over: Any, value: str, expected: list[str], concurrency: int
) -> None:
    step = loop(over, look(value), concurrency=concurrency)
    answer = await run(service, LIST, step, names=["a"])
    assert answer["steps"]["each.iter_0.look"]["output"] == expected, answer


async def test_it_goes_down_into_loops_of_loops(service: Service) -> None:
    inner = {
        "id": "inner",
        "type": "loop",
        "config": {
            "mode": "for_each",
            "over": "${{loop.item.w}}",
            "body": [look("${{loop.item}}")],
        },
    }
    answer = await run(service, LIST, loop("${{steps.list.output}}", inner))
    shown = answer["steps"]["each.iter_0.inner.iter_0.look"]
    assert shown["output"] == ["loop", "steps"]


async def test_it_goes_on_into_a_child_and_its_loops(service: Service) -> None:
    child = [
        look("${{inputs.from_step}}"),
        {
            "id": "each",
            "type": "loop",
            "config": {
                "mode": "for_each",
                "over": "${{inputs.names}}",
                "body": [look("${{loop.item}}")],
            },
        },
        {"id": "own", "action": "p.sources", "params": {"value": "${{inputs.own}}"}},
    ]
    output = [
        "${{steps.look.output}}",
        "${{steps.each.output.results[0]}}",
        "${{steps.own.output}}",
    ]
    definition = {"steps": child, "output": output}
    await service.define(DefineRequest("child", definition, "me"))
    params = {
        "from_step": "${{steps.list.output[0].v}}",
        "names": ["${{steps.list.output[0].v}}"],
        "own": "${{inputs.x}}",
    }
    call = {
        "id": "call",
        "depends_on": ["list"],
        "action": "workflow.run",
        "params": {"template_name": "child", "params": params},
    }
    answer = await run(service, LIST, call, x="1")
    assert answer["status"] == "completed", answer
    assert answer["steps"]["call"]["output"] == [
        ["inputs", "steps"],
        ["inputs", "loop", "steps"],
        ["inputs"],
    ]


@pytest.mark.parametrize("over", ["${{steps.list.output}}", "${{inputs.commands}}"])
async def test_a_command_of_a_loop_does_not_run(
    service: Service, tmp_path: Path, over: str
) -> None:
    mark = tmp_path / "PWNED"
    params = {"command": "${{loop.item.v}}", "args": [str(mark)]}
    body = {"id": "x", "action": "shell.exec", "params": params}
    answer = await run(service, LIST, loop(over, body), commands=[{"v": "touch"}])
    assert answer["steps"]["each.iter_0.x"]["error"]["code"] == "PERMISSION_DENIED"
    assert not mark.exists()


async def test_a_loopback_host_is_refused_by_where_the_item_came_from(service: Service) -> None:
    give_hosts = {**LIST, "params": {"value": ["127.0.0.1:1"]}}
    body = {"id": "x", "action": "http.get", "params": {"url": "http://${{loop.item}}/"}}
    answer = await run(service, give_hosts, loop("${{steps.list.output}}", body))
    assert answer["steps"]["each.iter_0.x"]["error"]["code"] == "PERMISSION_DENIED"
    for over in (["127.0.0.1:1"], "${{inputs.hosts}}"):
        answer = await run(service, give_hosts, loop(over, body), hosts=["127.0.0.1:1"])
        assert answer["steps"]["each.iter_0.x"]["error"]["code"] == "EXECUTION_ERROR"
