"""Decisions: what a workflow asked an agent or a person, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from opcode_core.moments import iso_time

DecisionStatus = Literal["pending", "resolved", "expired", "cancelled"]


@dataclass(slots=True)
class Decision:
    """One decision; changed by the fold only.

    Attributes:
        id: Its id.
        workflow_id: The workflow that asks.
        step_id: The step that asks, by its full id.
        context: `{prompt, data}`: the question.
        options: `[{id, description?}]`; empty for a free answer.
        timeout_at: When it decides itself, in microseconds since 1970; None for never.
        fallback: What is chosen then; None lets the step fail.
        target_agent: The only one who may answer; None for anybody.
        created_at: When it was asked, in microseconds since 1970.
        status: `pending` until it is answered (`resolved`), out of time (`expired`) or not needed (`cancelled`).
        answer: `{choice, reasoning?, data?, resolved_by}`; None until there is one.
        resolved_at: When it ceased to be pending, in microseconds since 1970.
    """

    id: str
    workflow_id: str
    step_id: str
    context: dict[str, Any]
    options: list[dict[str, Any]]
    timeout_at: int | None
    fallback: str | None
    target_agent: str | None
    created_at: int
    status: DecisionStatus = "pending"
    answer: dict[str, Any] | None = None
    resolved_at: int | None = None

    def close(
        self, status: DecisionStatus, when: int, answer: dict[str, Any] | None = None
    ) -> None:
        """Let it be pending no more."""
        self.status = status
        self.resolved_at = when
        self.answer = answer

    def to_json(self) -> dict[str, Any]:
        """The decision as an agent sees it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "workflow_id": self.workflow_id,
            "step_id": self.step_id,
            "context": self.context,
            "options": self.options,
        }
        if self.timeout_at is not None:
            shown["timeout_at"] = iso_time(self.timeout_at)
        if self.fallback is not None:
            shown["fallback"] = self.fallback
        if self.target_agent is not None:
            shown["target_agent"] = self.target_agent
        shown["status"] = self.status
        shown["created_at"] = iso_time(self.created_at)
        if self.resolved_at is not None:
            shown["resolved_at"] = iso_time(self.resolved_at)
        return {**shown, **(self.answer or {})}
