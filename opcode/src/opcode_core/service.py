"""The service: the verbs of the product. MCP, command line and tests call it and hold no rules of their own."""

from __future__ import annotations

import asyncio
from typing import Any

from opcode_core.engine.engine import CLOSE_SECONDS, Engine
from opcode_core.engine.live import LiveWorkflow
from opcode_core.engine.signal import Signal
from opcode_core.errors import ValidationError
from opcode_core.inputs import refuse_deep
from opcode_core.launching import Launcher
from opcode_core.model.answers import plan_answer, workflow_answer
from opcode_core.model.definition import TemplateVersion
from opcode_core.model.events import Event
from opcode_core.model.problems import Problem
from opcode_core.model.requests import (
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.model.state import WorkflowState
from opcode_core.moments import Clock, to_micros
from opcode_core.plugins.registry import Registry
from opcode_core.queries import run_query
from opcode_core.repeats import defined_before, signalled_before
from opcode_core.store.protocol import NewTemplate, Store
from opcode_core.templates import name_problems, step_ids, summary
from opcode_core.upkeep import Upkeep

_MOST_EVENTS = 500


class Service:
    """The verbs: define, run, status, signal, query; made by `opening.open_service`.

    Attributes:
        registry: What the plugins brought.
        upkeep: What there is beside the five verbs; None where nothing is.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        engine: Engine,
        launcher: Launcher,
        clock: Clock,
        upkeep: Upkeep | None = None,
    ) -> None:
        self.registry = registry
        self.upkeep = upkeep
        self._store = store
        self._engine = engine
        self._clock = clock
        self._launcher = launcher
        self._templates = launcher.templates
        self._keys: dict[tuple[str, str], str] = {}

    async def drain(self, grace: float = CLOSE_SECONDS) -> None:
        """Take no new runs, let running steps finish for up to `grace` seconds, store everything."""
        if self.upkeep is not None:
            self.upkeep.stop()
        await self._engine.close(grace)

    def close(self) -> None:
        """Let go of what the service itself holds; store and engine are its maker's."""
        self._templates.close()

    async def define(self, request: DefineRequest) -> dict[str, Any]:
        """Check a definition whole and store it as the next version of its template.

        Returns:
            `{name, version, warnings?}`; with `dry_run` `{name, version: None, valid: True, warnings}`.

        Raises:
            ValidationError: Something is wrong with it; `details.issues` has everything.
        """
        diagnosis = await self._templates.diagnose(
            request.definition,
            input_schema=request.input_schema,
            output_schema=request.output_schema,
            triggers=request.triggers,
        )
        errors = [*name_problems(request.name), *diagnosis.errors]
        warnings = [problem.to_json() for problem in diagnosis.warnings]
        if errors or diagnosis.plan is None:
            raise ValidationError(
                summary(errors), {"issues": [*(one.to_json() for one in errors), *warnings]}
            )
        if request.triggers is None and self.upkeep is not None:
            warnings += await self.upkeep.jobs.losing(request.name)
        if request.dry_run:
            return {"name": request.name, "version": None, "valid": True, "warnings": warnings}
        template = NewTemplate(
            name=request.name,
            definition=request.definition,
            input_schema=request.input_schema,
            output_schema=request.output_schema,
            triggers=request.triggers,
            description=request.description,
            agent_id=request.agent_id,
            created_at=to_micros(self._clock.now()),
            jobs=() if self.upkeep is None else await self.upkeep.jobs.planned(request.triggers),
        )
        version = await defined_before(self._store, request)
        if version is None:
            version = await self._templates.add(template, diagnosis.plan)
            if self.upkeep is not None:
                await self.upkeep.jobs.changed(request.name)
        answer: dict[str, Any] = {"name": request.name, "version": version}
        if warnings:
            answer["warnings"] = warnings
        return answer

    async def run(self, request: RunRequest) -> dict[str, Any]:
        """Start a workflow, or plan one with `dry_run`.

        Returns:
            The workflow as `status` shows it, when it has ended or `wait_ms` has passed; with `dry_run` the plan.

        Raises:
            NotFoundError: There is no such template or version.
            ValidationError: The inputs are not what the input schema says.
            ActionUnavailableError: An action it uses is not there any more, or not allowed.
            StoreError: The database could not do it.
        """
        refuse_deep("params", request.params, self.registry.limits.value_depth)
        template = await self._templates.find(request.template_name, request.version)
        plan = await self._templates.plan(template)
        if request.dry_run:
            return plan_answer(template, plan)
        workflow_id = self._engine.new_id()
        start = self._launcher.prepare(workflow_id, request, template, plan)
        earlier = await self._earlier(request)
        if earlier is not None:
            answer = await self.status(StatusRequest(earlier, wait_ms=request.wait_ms))
            del answer["context"]
            return answer
        live = self._engine.start(workflow_id, start)
        self._reserve(request, live)
        await self._engine.wait(workflow_id, request.wait_ms / 1000)
        return await self._answer(live, template)

    async def watch(self, request: RunRequest) -> tuple[str, asyncio.Queue[Event | None]]:
        """Start a workflow and watch it; `wait_ms`, `idempotency_key` and `dry_run` do not count here.

        Returns:
            Its id, and its events as they happen; None comes whenever it has ended or is suspended.

        Raises:
            OpcodeError: As `run` does.
        """
        template = await self._templates.find(request.template_name, request.version)
        plan = await self._templates.plan(template)
        workflow_id = self._engine.new_id()
        start = self._launcher.prepare(workflow_id, request, template, plan)
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._engine.start(workflow_id, start, watch=events.put_nowait)
        return workflow_id, events

    async def result(self, workflow_id: str) -> dict[str, Any]:
        """Where a workflow stands, with nothing cut."""
        state = await self._engine.load(workflow_id)
        return workflow_answer(state, step_ids(await self._template_of(state)), whole=True)

    async def status(self, request: StatusRequest) -> dict[str, Any]:
        """Where a workflow stands, at once or when it has ended within `wait_ms`.

        Returns:
            What `run` answers, and `context`; with `include: ["events"]` its first 500 events.

        Raises:
            NotFoundError: There is no such workflow.
        """
        unknown = [name for name in request.include if name != "events"]
        if unknown:
            raise ValidationError(f'include has {unknown[0]!r}: only "events" can be included')
        loop = asyncio.get_running_loop()
        until = loop.time() + request.wait_ms / 1000
        while True:
            await self._engine.wait(request.workflow_id, until - loop.time())
            live = self._engine.find(request.workflow_id)
            if live is None or live.stopped or loop.time() >= until:
                break  # else it goes on just now
        if live is not None:
            state = live.state
            answer = await self._answer(live, await self._template_of(state))
        else:
            state = await self._engine.load(request.workflow_id)
            answer = workflow_answer(state, step_ids(await self._template_of(state)))
        answer["context"] = state.context
        if "events" in request.include:
            page = await self._store.list_events(
                {"workflow_id": request.workflow_id}, _MOST_EVENTS, None
            )
            answer["events"] = page.rows
        return answer

    async def signal(self, request: SignalRequest) -> dict[str, Any]:
        """Send a signal to a workflow.

        Returns:
            `{ok, workflow_id, signal_type, resumed?, status}`; when the workflow goes on because of it, after it has
            ended or is suspended again, or `wait_ms` has passed.

        Raises:
            NotFoundError: There is no such workflow, or step.
            ConflictError: The signal cannot apply any more.
            ValidationError: It makes no sense.
        """
        if request.signal_type == "cancel" and request.step_id is not None:
            raise ValidationError("`cancel` ends the whole workflow: leave `step_id` out")
        refuse_deep("payload", request.payload, self.registry.limits.value_depth)
        signal = Signal(
            workflow_id=request.workflow_id,
            kind=request.signal_type,
            payload=request.payload,
            step_id=request.step_id,
            agent_id=request.agent_id,
            reasoning=request.reasoning,
            call=None if request.call is None else request.call.key,
        )
        if await signalled_before(self._store, request):
            state, goes_on = await self._engine.load(request.workflow_id), True
        else:
            state, goes_on = await self._engine.signal(signal)
        answer: dict[str, Any] = {
            "ok": True,
            "workflow_id": request.workflow_id,
            "signal_type": request.signal_type,
        }
        if request.signal_type in ("decision", "retry", "skip"):
            answer["resumed"] = goes_on
        if goes_on:
            await self._engine.wait(request.workflow_id, request.wait_ms / 1000)
            state = await self._engine.load(request.workflow_id)
        return {**answer, "status": state.status}

    async def query(self, request: QueryRequest) -> dict[str, Any]:
        """List workflows, events, templates, decisions, actions or jobs.

        Returns:
            `{<resource>: [...], next?}`.

        Raises:
            ValidationError: The resource or a filter does not exist, or a value cannot be.
        """
        return await run_query(
            request.resource,
            request.filter,
            self._store,
            self.registry,
            None if self.upkeep is None else self.upkeep.jobs.list,
        )

    def params_schema(self, action: str) -> dict[str, Any] | None:
        """JSON Schema of an action's parameters; None for one that cannot be used."""
        known = self.registry.actions.get(action)
        return None if known is None else known.params.model_json_schema()

    async def diagnose(self, definition: Any) -> list[Problem]:
        """Everything there is to say about a definition, errors and warnings."""
        return (await self._templates.diagnose(definition)).problems

    def _reserve(self, request: RunRequest, live: LiveWorkflow) -> None:
        """Let nobody start another run under the same key while this one is not stored."""
        if request.key is None or live.task is None:
            return
        key = (request.agent_id, request.key)
        self._keys[key] = live.state.workflow_id
        live.task.add_done_callback(lambda _: self._keys.pop(key, None))

    async def _earlier(self, request: RunRequest) -> str | None:
        """The workflow the agent started under the same key; nothing is awaited after the last look."""
        if request.key is None or request.first:
            return None
        stored = await self._store.find_by_key(request.agent_id, request.key)
        return stored or self._keys.get((request.agent_id, request.key))

    async def _answer(self, live: LiveWorkflow, template: TemplateVersion) -> dict[str, Any]:
        """What a workflow in memory, or one that just was, looks like, once that is stored."""
        if live.lost is not None:
            raise live.lost
        current = self._engine.find(live.state.workflow_id)
        if current is None and not live.stopped:  # it was let go, and may have gone on since
            state = await self._engine.load(live.state.workflow_id)
            return workflow_answer(state, step_ids(template))
        shown = live if current is None else current
        answer = workflow_answer(shown.state, step_ids(template))
        if shown.task is not None and not shown.task.done():
            await self._store.journal.stored(shown.state.workflow_id)
        return answer

    async def _template_of(self, state: WorkflowState) -> TemplateVersion:
        return await self._templates.find(state.template_name, state.template_version)
