"""What the engine asks of those who know templates: plans, and what a workflow begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from opcode_core.engine.runtime import ChildRequest
from opcode_core.model.definition import Plan


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a new workflow begins with.

    Attributes:
        plan: What it does.
        template_name: Of which template.
        template_version: And which version of it.
        agent_id: Who starts it.
        inputs: Its inputs, complete and checked.
        working_directory: Where relative paths begin.
        idempotency_key: The agent's own name for this run; None for none.
        parent: The workflow and the step that start it; None for a call.
        depth: How many workflows it is a descendant of.
        sources: Input → the namespaces that wrote into it, in the workflow that starts it.
        job: Which job starts it: `{name, due?}`; None for none.
    """

    plan: Plan
    template_name: str
    template_version: str
    agent_id: str
    inputs: dict[str, Any]
    working_directory: str
    idempotency_key: str | None = None
    parent: tuple[str, str] | None = None
    depth: int = 0
    sources: dict[str, list[str]] = field(default_factory=dict)
    job: dict[str, str] | None = None

    def payload(self) -> dict[str, Any]:
        """What the first event says."""
        payload: dict[str, Any] = {
            "template_name": self.template_name,
            "template_version": self.template_version,
            "inputs": self.inputs,
            "context": dict(self.plan.context),
            "working_directory": self.working_directory,
        }
        hooks = [
            step_id
            for steps in (self.plan.on_complete, self.plan.on_error)
            if steps is not None
            for step_id in steps.steps
        ]
        if hooks:
            payload["hooks"] = hooks
        if self.idempotency_key is not None:
            payload["idempotency_key"] = self.idempotency_key
        if self.job is not None:
            payload["job"] = self.job
        if self.parent is not None:
            workflow_id, step_id = self.parent
            payload["parent"] = {
                "workflow_id": workflow_id,
                "step_id": step_id,
                "depth": self.depth,
            }
        brought = {name: found for name, found in self.sources.items() if found}
        if brought:
            payload["input_sources"] = brought
        return payload


class Planner(Protocol):
    """Knows the templates."""

    async def plan_of(self, template_name: str, version: str) -> Plan:
        """The plan of a stored version.

        Raises:
            OpcodeError: It cannot be used any more.
        """
        ...

    async def prepare_child(self, request: ChildRequest) -> StartRequest:
        """What a child begins with, its inputs checked.

        Raises:
            OpcodeError: There is no such template, or the inputs are not what it says.
        """
        ...
