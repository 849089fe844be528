"""Definitions run by the whole product, in a temporary folder, with plugins that need not be installed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.moments import Clock
from opcode_core.opening import open_service
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import NameTakenError, Registry
from opcode_core.service import Service
from opcode_core.settings import Settings
from opcode_core.testing.plugins import contribution_of

_AGENT = "tester"


@dataclass(frozen=True, slots=True)
class Ran:
    """A workflow as an agent sees it, and its events.

    Attributes:
        workflow_id: Its id.
        status: Such as `completed`, `failed`, `suspended`.
        output: Its output; None when it has none.
        error: Its error; None when it has none.
        steps: Full id of each step → what became of it.
        events: Its events, oldest first.
        context: Its context.
        pending_decisions: The decisions it waits for.
    """

    workflow_id: str
    status: str
    output: Any
    error: dict[str, Any] | None
    steps: dict[str, dict[str, Any]]
    events: list[dict[str, Any]]
    context: dict[str, Any]
    pending_decisions: list[dict[str, Any]]

    def output_of(self, step_id: str) -> Any:
        """What a step gave; None when it gave nothing."""
        return self.steps[step_id].get("output")


class Workbench:
    """The product while a test uses it; made by `open_workbench`.

    Args:
        service: The service.
        folder: Where runs have their working directory.
    """

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder

    async def problems(self, definition: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Everything `define` would say about a definition."""
        return [one.to_json() for one in await self._service.diagnose(definition)]

    async def define(self, name: str, definition: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Define a template.

        Args:
            name: Its name.
            definition: The definition.
            more: `input_schema`, `output_schema`, `triggers`, `description`.

        Raises:
            ValidationError: Something is wrong with it; `details.issues` has everything.
        """
        return await self._service.define(DefineRequest(name, dict(definition), _AGENT, **more))

    async def run(
        self, name: str, params: Mapping[str, Any] | None = None, seconds: float = 30.0
    ) -> Ran:
        """Run a template and wait until it has ended or is suspended, at most so many seconds."""
        request = RunRequest(
            name,
            _AGENT,
            params=dict(params or {}),
            wait_ms=round(seconds * 1000),
            working_directory=str(self._folder),
        )
        return await self.look((await self._service.run(request))["workflow_id"])

    async def look(self, workflow_id: str, seconds: float = 0.0) -> Ran:
        """Where a workflow stands, at once or when it has ended within so many seconds."""
        found = await self._service.status(
            StatusRequest(workflow_id, wait_ms=round(seconds * 1000), include=("events",))
        )
        return Ran(
            workflow_id=workflow_id,
            status=found["status"],
            output=found.get("output"),
            error=found.get("error"),
            steps=found["steps"],
            events=found["events"],
            context=found["context"],
            pending_decisions=found.get("pending_decisions", []),
        )

    async def signal(
        self,
        workflow_id: str,
        signal_type: str,
        payload: Mapping[str, Any] | None = None,
        step_id: str | None = None,
    ) -> Ran:
        """Send a signal, such as `decision` or `cancel`, and look at the workflow after."""
        await self._service.signal(
            SignalRequest(workflow_id, signal_type, dict(payload or {}), step_id, _AGENT)
        )
        return await self.look(workflow_id, 10.0)

    async def query(self, resource: str, **filters: Any) -> list[dict[str, Any]]:
        """List workflows, events, templates, decisions, actions or jobs."""
        rows: list[dict[str, Any]] = (await self._service.query(QueryRequest(resource, filters)))[
            resource
        ]
        return rows


@asynccontextmanager
async def open_workbench(
    plugins: Iterable[object] = (),
    *,
    folder: str | Path | None = None,
    clock: Clock | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Workbench]:
    """The product with everything that is installed, and plugins that need not be.

    Args:
        plugins: Modules or objects with hooks, as an entry point would name them.
        folder: Where the database and working directory are; a temporary folder by default.
        clock: What time it is; the machine's by default.
        settings: Settings of plugins, by dotted name.

    Raises:
        ValueError: A plugin's hook is misspelt, or a name it claims belongs to another one.
    """
    with tempfile.TemporaryDirectory(prefix="opcode-") as own:
        place = Path(folder or own)
        chosen = Settings(
            db_path=place / "opcode.db", durability="normal", values=dict(settings or {})
        )
        registry = await asyncio.to_thread(load_plugins, chosen)
        for plugin in plugins:
            _add(registry, plugin)
        async with open_service(chosen, clock=clock, registry=registry) as service:
            yield Workbench(service, place)


def run_definition(
    definition: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
    *,
    plugins: Iterable[object] = (),
    folder: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    seconds: float = 30.0,
) -> Ran:
    """Define a definition and run it once, from a test that is not `async`.

    Args:
        definition: The definition.
        params: Its inputs.
        plugins: Modules or objects with hooks that need not be installed.
        folder: Where the database and working directory are; a temporary folder by default.
        settings: Settings of plugins, by dotted name.
        seconds: How long it may take; what has not ended by then is given as it stands.

    Raises:
        ValidationError: Something is wrong with the definition or the inputs.
    """
    from opcode_core.testing.stage import Stage

    async def use() -> Ran:
        async with open_workbench(plugins, folder=folder, settings=settings) as bench:
            await bench.define("definition", definition)
            return await bench.run("definition", params, seconds)

    stage = Stage()
    try:
        return stage.call(use, seconds + 30.0)
    finally:
        stage.close()


def _add(registry: Registry, plugin: object) -> None:
    """Take in a plugin, unless it is installed and was taken in already."""
    contribution = contribution_of(plugin)
    try:
        registry.take(contribution)
    except NameTakenError as error:
        same = [registry.actions.get(one.name) is one for one in contribution.actions]
        same += [registry.step_types.get(one.name) is one for one in contribution.step_types]
        same += [name in registry.engine_names() for name, _ in contribution.engines]
        if not all(same):
            raise ValueError(str(error)) from None
