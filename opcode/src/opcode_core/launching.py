"""What a workflow begins with: its template, its plan, its inputs, for calls and for steps that start one."""

from __future__ import annotations

from typing import Any

from opcode_core.engine.planner import StartRequest
from opcode_core.engine.runtime import ChildRequest
from opcode_core.inputs import resolve_inputs
from opcode_core.model.definition import Plan, TemplateVersion
from opcode_core.model.requests import RunRequest
from opcode_core.moments import Clock, iso_time, to_micros
from opcode_core.templates import Templates


class Launcher:
    """Knows what workflows begin with (`Planner`).

    Args:
        templates: The templates.
        clock: What time it is.
        working_directory: Where relative paths begin when a call does not say.
    """

    def __init__(self, templates: Templates, clock: Clock, working_directory: str) -> None:
        self.templates = templates
        self._clock = clock
        self._working_directory = working_directory

    async def plan_of(self, template_name: str, version: str) -> Plan:
        """The plan of a stored version.

        Raises:
            OpcodeError: It cannot be used any more.
        """
        return await self.templates.plan(await self.templates.find(template_name, version))

    def prepare(
        self, workflow_id: str, request: RunRequest, template: TemplateVersion, plan: Plan
    ) -> StartRequest:
        """What a workflow begins with that a call starts, its inputs checked."""
        inputs = self._inputs(workflow_id, template, plan, request.agent_id, request.params or {})
        return StartRequest(
            plan=plan,
            template_name=template.name,
            template_version=template.version,
            agent_id=request.agent_id,
            inputs=inputs,
            working_directory=request.working_directory or self._working_directory,
            idempotency_key=request.key,
        )

    async def prepare_child(self, request: ChildRequest) -> StartRequest:
        """What a workflow begins with that a step starts, its inputs checked.

        Raises:
            OpcodeError: There is no such template, or the inputs are not what it says.
        """
        template = await self.templates.find(request.template_name, request.version)
        plan = await self.templates.plan(template)
        return StartRequest(
            plan=plan,
            template_name=template.name,
            template_version=template.version,
            agent_id=request.agent_id,
            inputs=self._inputs(
                request.workflow_id, template, plan, request.agent_id, request.params
            ),
            working_directory=request.working_directory,
            parent=request.parent,
            depth=request.depth,
            sources=request.sources,
        )

    def _inputs(
        self,
        workflow_id: str,
        template: TemplateVersion,
        plan: Plan,
        agent_id: str,
        params: dict[str, Any],
    ) -> dict[str, Any]:
        facts = {
            "run_id": workflow_id,
            "name": plan.name or template.name,
            "template_name": template.name,
            "template_version": template.version,
            "agent_id": agent_id,
            "started_at": iso_time(to_micros(self._clock.now())),
            "status": "pending",
        }
        return resolve_inputs(plan, params, facts)
