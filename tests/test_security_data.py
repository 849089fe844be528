"""What comes in as data stays data: it is no reference, no structure, no shell text, no command, no loader variable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from opcode_core.errors import ValidationError
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest, StatusRequest
from opcode_core.service import Service
from plan_patches import apply
from security_room import code_of, define, run, serving, step

pytestmark = pytest.mark.anyio
VALUES = ["${{secrets.DB_PASS}}", 'x","command":"/bin/sh","args":["-c","id"],"z":"']
LOADERS = ["LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "NODE_OPTIONS", "PATH"]
Channel = Callable[[Service, list[dict[str, Any]], str], Awaitable[dict[str, Any]]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as opened:
        yield opened


def sinks(reference: str, *after: str) -> list[dict[str, Any]]:
    """Steps that use a reference wherever structure could be made of it, and one that says what came of it."""
    text = f"<${{{{{reference}}}}}>"
    whole = f"${{{{{reference}}}}}"
    return [
        step("args", "shell.exec", *after, command="printf", args=["%s", text]),
        step("stdin", "shell.exec", *after, command="cat", stdin={"v": whole}),
        step("env", "shell.exec", *after, command="printenv", args=["V"], env={"V": text}),
        step("file", "fs.write", *after, path="made.json", content={"v": [whole]}),
        step("back", "fs.read", "file", path="made.json"),
        step("expr", "expr.eval", *after, expression="[data]", data=whole),
    ]


def assert_literal(answer: dict[str, Any], value: str) -> None:
    assert answer["status"] == "completed", answer
    output = {name: one.get("output") for name, one in answer["steps"].items()}
    assert output["args"]["stdout_raw"] == f"<{value}>"
    assert output["stdin"]["stdout"] == {"v": value}
    assert output["env"]["stdout_raw"] == f"<{value}>\n"
    assert json.loads(output["back"]["content"]) == {"v": [value]}
    assert output["expr"] == {"result": [value]}


async def through_inputs(
    service: Service, found: list[dict[str, Any]], value: str
) -> dict[str, Any]:
    return await run(service, *found, v=value)


async def through_context(
    service: Service, found: list[dict[str, Any]], value: str
) -> dict[str, Any]:
    keep = step("keep", "workflow.context", action="update", data={"v": "${{inputs.x}}"})
    return await run(service, keep, *found, x=value)


async def through_a_child(
    service: Service, found: list[dict[str, Any]], value: str
) -> dict[str, Any]:
    await define(service, step("a", "crypto.uuid"), name="child", output={"v": "${{inputs.given}}"})
    call = step("call", "workflow.run", template_name="child", params={"given": "${{inputs.x}}"})
    return await run(service, call, *found, x=value)


async def through_a_decision(
    service: Service, found: list[dict[str, Any]], value: str
) -> dict[str, Any]:
    ask = {
        "id": "ask",
        "type": "reasoning",
        "config": {"prompt_context": "which?", "options": []},
    }
    begun = await run(service, ask, *found)
    payload = {"choice": "this", "data": {"v": value}}
    await service.signal(
        SignalRequest(begun["workflow_id"], "decision", payload, agent_id="me", wait_ms=30_000)
    )
    return await service.status(StatusRequest(begun["workflow_id"], wait_ms=30_000))


async def through_a_file(
    service: Service, found: list[dict[str, Any]], value: str
) -> dict[str, Any]:
    put = step("put", "fs.write", path="given.txt", content="${{inputs.x}}")
    return await run(service, put, step("f", "fs.read", "put", path="given.txt"), *found, x=value)


CHANNELS: dict[str, tuple[Channel, str, tuple[str, ...]]] = {
    "inputs": (through_inputs, "inputs.v", ()),
    "context": (through_context, "context.v", ("keep",)),
    "child": (through_a_child, "steps.call.output.v", ("call",)),
    "decision": (through_a_decision, "steps.ask.output.data.v", ("ask",)),
    "output": (through_a_file, "steps.f.output.content", ("f",)),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_value_arrives_as_it_is(service: Service, channel: str, value: str) -> None:
    go, reference, after = CHANNELS[channel]
    assert_literal(await go(service, sinks(reference, *after), value), value)


@pytest.mark.parametrize("value", VALUES)
async def test_an_item_of_a_loop_arrives_as_it_is(service: Service, value: str) -> None:
    body = step("args", "shell.exec", command="printf", args=["%s", "<${{loop.item}}>"])
    config = {"mode": "for_each", "over": "${{inputs.items}}", "body": [body]}
    answer = await run(service, {"id": "each", "type": "loop", "config": config}, items=[value])
    assert answer["steps"]["each.iter_0.args"]["output"]["stdout_raw"] == f"<{value}>"


async def test_shell_text_with_a_reference_is_refused_and_its_fix_is_safe(
    service: Service, tmp_path: Path
) -> None:
    shell = step("a", "shell.exec", command="printf %s ${{inputs.v}}", shell=True)
    definition = {"steps": [shell]}
    with pytest.raises(ValidationError) as refused:
        await service.define(DefineRequest("t", definition, "me"))
    assert refused.value.details is not None
    (issue,) = refused.value.details["issues"]
    assert issue["code"] == "SHELL_INTERPOLATION"
    mended = apply(definition, issue["fix"])
    assert mended["steps"][0]["params"]["env"]
    await service.define(DefineRequest("t", mended, "me"))
    request = RunRequest("t", "me", params={"v": "$(touch PWNED)"}, wait_ms=30_000)
    answer = await service.run(request)
    assert answer["steps"]["a"]["output"]["stdout_raw"] == "$(touch PWNED)"
    assert not (tmp_path / "PWNED").exists()


async def test_arguments_of_shell_text_are_its_parameters(service: Service) -> None:
    shell = step("a", "shell.exec", command='printf "%s|%s" "$1" "$#"', shell=True, args=["; id"])
    assert (await run(service, shell))["steps"]["a"]["output"]["stdout_raw"] == "; id|1"


async def test_a_value_that_looks_like_an_option_is_one_word_and_the_remedy_is_documented(
    service: Service,
) -> None:
    for args, expected in (
        (["%s\n", "log", "${{inputs.ref}}"], "log\n--output=x\n"),
        (["%s\n", "log", "--", "${{inputs.ref}}"], "log\n--\n--output=x\n"),
    ):
        shown = await run(
            service, step("a", "shell.exec", command="printf", args=args), ref="--output=x"
        )
        assert shown["steps"]["a"]["output"]["stdout_raw"] == expected
    page = Path(__file__).parents[1] / "docs/explanation/security.md"
    assert 'args: ["log", "--", "${{inputs.ref}}"]' in page.read_text(encoding="utf-8")


async def test_a_command_from_data_is_refused_unless_policy_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = step("a", "shell.exec", command="${{inputs.c}}", args=["MADE"])
    async with serving(tmp_path) as service:
        assert await code_of(service, named, c="touch") == "PERMISSION_DENIED"
        assert not (tmp_path / "MADE").exists()
    async with serving(tmp_path, shell__allow_command_references=True) as service:
        assert await code_of(service, named, c="touch") == ""
        assert (tmp_path / "MADE").exists()


@pytest.mark.parametrize("name", LOADERS)
async def test_variables_that_load_code_are_the_definitions_and_policys(
    tmp_path: Path, name: str
) -> None:
    brought = step("a", "shell.exec", command="/bin/true", env={name: "${{inputs.v}}"})
    written = step("a", "shell.exec", command="/bin/true", env={name: "/nowhere"})
    async with serving(tmp_path) as service:
        assert await code_of(service, brought, v="/nowhere") == "PERMISSION_DENIED"
        assert await code_of(service, written) == ""
    async with serving(tmp_path, shell__allow_loader_variables=False) as service:
        assert await code_of(service, written) == "PERMISSION_DENIED"
