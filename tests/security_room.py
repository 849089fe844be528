"""The whole product with every plugin, for a test to attack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from opcode_core.errors import ValidationError
from opcode_core.model.requests import DefineRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.service import Service
from opcode_core.settings import Settings

Step = dict[str, Any]


@asynccontextmanager
async def serving(folder: Path, **values: Any) -> AsyncIterator[Service]:
    """The service on a database in a folder.

    Args:
        folder: The folder.
        values: Settings of plugins, with `__` for the dot.
    """
    named = {name.replace("__", "."): value for name, value in values.items()}
    settings = Settings(db_path=folder / "x.db", durability="normal", values=named)
    async with open_service(settings) as service:
        yield service


def step(step_id: str, action: str, /, *after: str, **params: Any) -> Step:
    """A step with an action, after others."""
    made = {"id": step_id, "action": action, "params": params}
    return {**made, "depends_on": list(after)} if after else made


async def define(service: Service, *steps: Step, name: str = "t", **more: Any) -> None:
    """Define a template."""
    definition = {"steps": list(steps), **more}
    await service.define(DefineRequest(name, definition, "me"))


async def run(service: Service, *steps: Step, **params: Any) -> dict[str, Any]:
    """Define a template and run it; give the answer."""
    await define(service, *steps)
    return await service.run(RunRequest("t", "me", params=params, wait_ms=30_000))


async def code_of(service: Service, *steps: Step, **params: Any) -> str:
    """The code a run of these steps fails with, `define: CODE` when they are refused; empty for neither."""
    try:
        answer = await run(service, *steps, **params)
    except ValidationError as error:
        issues = (error.details or {}).get("issues", [])
        return f"define: {issues[0]['code']}" if issues else error.code
    return str(answer.get("error", {}).get("code", ""))
