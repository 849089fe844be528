"""The plan of a run: what each step could touch, for certain or if data says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with open_service(Settings(db_path=tmp_path / "x.db", durability="normal")) as opened:
        yield opened


async def plan(service: Service, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    await service.define(DefineRequest("t", {"steps": list(steps), **more}, "me"))
    return await service.run(RunRequest("t", "me", params={}, dry_run=True))


def step(action: str, **params: Any) -> dict[str, Any]:
    return {"id": "a", "action": action, "params": params}


def touch(kind: str, value: Any, *, certain: bool = True) -> dict[str, Any]:
    return {"kind": kind, "value": value, "certain": certain}


@pytest.mark.parametrize(
    ("made", "touches"),
    [
        (step("crypto.uuid"), []),
        (step("fs.read", path="a.txt"), [touch("path", "a.txt")]),
        (
            step("fs.read", path="in/${{inputs.name}}.txt"),
            [touch("path", "in/${{inputs.name}}.txt", certain=False)],
        ),
        (
            step("fs.copy", src="a", dst="${{context.to[0]['x y']}}"),
            [touch("path", "a"), touch("path", "${{context.to[0]['x y']}}", certain=False)],
        ),
        (step("shell.exec", command="git", args=["${{inputs.x}}"]), [touch("command", "git")]),
        (step("http.get", url="https://u:p@h.example:8443/x"), [touch("host", "h.example:8443")]),
        (step("http.get", url="https://h.example"), [touch("host", "h.example")]),
        (step("http.get", url="https://h.example/${{inputs.x}}"), [touch("host", "h.example")]),
        (step("http.get", url="https://h.example?${{inputs.x}}"), [touch("host", "h.example")]),
        (
            step("http.get", url="https://h.example${{inputs.x}}"),
            [touch("host", "https://h.example${{inputs.x}}", certain=False)],
        ),
        (
            step("http.get", url="${{inputs.x + '/a'}}"),
            [touch("host", "${{inputs.x + '/a'}}", certain=False)],
        ),
        (
            step("workflow.run", template_name="other"),
            [touch("template", "other")],
        ),
    ],
)
async def test_a_step_touches_what_its_parameters_name(
    service: Service, made: dict[str, Any], touches: list[dict[str, Any]]
) -> None:
    answer = await plan(service, made)
    assert answer["steps"]["a"]["touches"] == touches
    assert answer["levels"] == [["a"]]


async def test_secrets_are_named_and_nothing_runs(service: Service, tmp_path: Path) -> None:
    mark = tmp_path / "RAN"
    params = {"command": "touch", "args": [str(mark)], "env": {"T": "${{secrets.TOKEN}}"}}
    answer = await plan(service, step("shell.exec", **params))
    assert answer["steps"]["a"] == {
        "type": "action",
        "action": "shell.exec",
        "effect": "unsafe",
        "touches": [touch("command", "touch"), touch("secret", "TOKEN")],
    }
    assert not mark.exists()


async def test_what_is_nested_counts_for_what_is_around_it(service: Service) -> None:
    inner = {
        "id": "choose",
        "type": "condition",
        "config": {
            "expression": "true",
            "branches": {"true": [step("fs.write", path="x", content="1")]},
            "default": [
                {
                    "id": "both",
                    "type": "parallel",
                    "config": {
                        "branches": [[step("shell.exec", command="make")], [step("crypto.uuid")]]
                    },
                }
            ],
        },
    }
    body = [{**step("fs.read", path="x"), "id": "r"}, inner]
    loop = {"id": "l", "type": "loop", "config": {"mode": "for_each", "over": [1], "body": body}}
    answer = await plan(service, loop)
    assert answer["steps"]["l"]["touches"] == [touch("path", "x"), touch("command", "make")]
    assert answer["steps"]["l"]["effect"] == "unsafe"


async def test_hooks_and_fallbacks_are_in_the_plan_too(service: Service) -> None:
    answer = await plan(
        service,
        {**step("crypto.uuid"), "on_error": {"strategy": "fallback_step", "fallback_step": "f"}},
        {**step("fs.delete", path="x"), "id": "f"},
        on_complete={"action": "http.post", "params": {"url": "https://done.example/"}},
    )
    assert answer["levels"] == [["a"]]
    assert answer["steps"]["f"]["touches"] == [touch("path", "x")]
    assert answer["steps"]["on_complete"]["touches"] == [touch("host", "done.example")]
