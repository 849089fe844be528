"""The five tools as an agent sees them: names, descriptions, JSON Schemas of their arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_WAIT_MS = 50_000

_TEXT = {"type": "string", "minLength": 1}
_AGENT = {**_TEXT, "description": "Who you are; the same name in every call."}
_WAIT = {
    "type": "integer",
    "minimum": 0,
    "maximum": MAX_WAIT_MS,
    "description": "Milliseconds until you are answered at the latest; the workflow goes on regardless.",
}
_WORKFLOW = {**_TEXT, "description": "The workflow's id, as `run` gave it."}

_LIST = {"type": "array"}

STEP = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "description": "Unique; letters, digits, _ and -."},
        "type": {
            "type": "string",
            "description": "action (default), condition, loop, parallel, wait or reasoning.",
        },
        "action": {
            "type": "string",
            "description": "Such as http.get; `query` with resource `actions` lists all.",
        },
        "params": {
            "type": "object",
            "description": "The action's parameters; values may hold ${{ }}.",
        },
        "depends_on": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Ids that must settle before.",
        },
        "condition": {"description": "A CEL expression; the step is skipped when it is false."},
        "timeout": {"type": "string", "description": "Per attempt: 300ms, 30s, 5m."},
        "retry": {
            "type": "object",
            "description": "{max, backoff?: none | constant | linear | exponential, delay?, max_delay?, jitter?}",
        },
        "on_error": {
            "type": "object",
            "description": "{strategy: ignore | fail_workflow | fallback_step | retry, fallback_step?}",
        },
        "on_interrupt": {
            "type": "string",
            "description": "If the server ends while it runs: suspend, retry or fail.",
        },
        "config": {
            "type": "object",
            "description": (
                "By type. condition: {expression, branches: {value: [steps]}, default?: [steps]}. loop: {mode: "
                "for_each | while | until, over: array, ${{ }}, jq or CEL (for_each), condition: CEL (while, until), "
                "body: [steps], max_iter?, concurrency?}; the body reads ${{loop.item}} and ${{loop.index}}, CEL "
                "iter.item, iter.last. parallel: {branches: [[steps]], mode?: all | race}. wait: {duration} or "
                "{signal, timeout?}. reasoning: {prompt_context, options?: [{id, description?}], data_inject?, "
                "timeout?, fallback?, target_agent?}."
            ),
            "properties": {
                "body": _LIST,
                "branches": {"anyOf": [{"type": "object"}, _LIST]},
                "default": _LIST,
                "options": _LIST,
            },
        },
    },
}

DEFINITION = {
    "type": "object",
    "required": ["steps"],
    "description": (
        "The workflow. Steps run level by level, in parallel where depends_on allows. Values refer to others: "
        "${{inputs.name}}, ${{steps.fetch.output.body}}, ${{context.key}}, ${{workflow.run_id}}; a string that is one "
        "reference keeps the value's type. Nested steps run one after the other; from outside they are read as "
        "${{steps['route.prod.deploy'].output}} (condition), ['each.iter_0.x'] (loop), ['both.branch_0.x'] (parallel)."
    ),
    "properties": {
        "steps": {"type": "array", "items": STEP, "minItems": 1},
        "inputs": {"type": "object", "description": "Defaults of the inputs."},
        "context": {"type": "object", "description": "What the context begins with."},
        "metadata": {"type": "object", "description": "Kept and shown."},
        "output": {"description": "What the workflow gives; by default what its last steps gave."},
        "timeout": {"type": "string", "description": "For all of it, such as 10m."},
        "on_timeout": {"type": "string", "description": "fail (default), cancel or suspend."},
        "on_complete": {"type": "object", "description": "A step that runs after all others."},
        "on_error": {
            "type": "object",
            "description": "A step that runs after a failure; it reads ${{workflow.error.message}}.",
        },
        "schedule": {
            "type": "string",
            "description": "level (default), or dataflow: a step starts as soon as its own dependencies settled.",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: Its dotted name.
        description: What it does and answers, for an agent.
        arguments: JSON Schema of its arguments.
        read_only: Whether it changes nothing.
    """

    name: str
    description: str
    arguments: dict[str, Any]
    read_only: bool = False


def _arguments(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


TOOLS = (
    Tool(
        "opcode.define",
        "Check a workflow definition and store it as the next version of a template. Answers {name, version, "
        "warnings?}; a refused definition is an error whose details.issues has every problem with its JSON Pointer, "
        "a hint and, where one is certain, an RFC 6902 fix. With dry_run nothing is stored.",
        _arguments(
            ["name", "definition", "agent_id"],
            name={**_TEXT, "description": "The template's name: 1 to 128 of A-Z a-z 0-9 . _ / -"},
            definition=DEFINITION,
            agent_id=_AGENT,
            description={"type": "string", "description": "What the workflow is for."},
            input_schema={
                "type": "object",
                "description": "JSON Schema 2020-12 of the inputs, checked at each run.",
            },
            output_schema={"type": "object", "description": "JSON Schema 2020-12 of the output."},
            triggers={
                "type": "object",
                "description": "What starts it by itself: {cron: [{expression, timezone?, name?, params?, enabled?, "
                "missed?: once | skip | all, overlap?: skip | allow | queue}]}, five fields, UTC by default.",
            },
            dry_run={"type": "boolean", "description": "Only check."},
        ),
    ),
    Tool(
        "opcode.run",
        "Run a template. Costs no tokens while it runs. Answers {workflow_id, status, output?, error?, steps, "
        "pending_decisions?, …} when it has ended, is suspended (answer what it asks with opcode.signal) or wait_ms "
        "has passed (then status is active and it goes on: ask opcode.status). A failed workflow is a normal answer "
        "with status failed. With dry_run: the plan by levels, and nothing runs.",
        _arguments(
            ["template_name", "agent_id"],
            template_name={**_TEXT, "description": "The template."},
            agent_id=_AGENT,
            version={**_TEXT, "description": "Such as v2; the latest by default."},
            params={"type": "object", "description": "The inputs, by name."},
            wait_ms={**_WAIT, "default": 10000},
            idempotency_key={
                **_TEXT,
                "description": "The same key again gives the first run's answer.",
            },
            dry_run={"type": "boolean", "description": "Only plan."},
        ),
    ),
    Tool(
        "opcode.status",
        "Where a workflow stands: status, output or error, every step, what it asks (pending_decisions), its context. "
        "With wait_ms: when it has ended or is suspended.",
        _arguments(
            ["workflow_id"],
            workflow_id=_WORKFLOW,
            wait_ms={**_WAIT, "default": 0},
            include={
                "type": "array",
                "items": {"type": "string", "enum": ["events"]},
                "description": "Its events too.",
            },
        ),
        read_only=True,
    ),
    Tool(
        "opcode.signal",
        "Send a signal to a workflow. decision answers a reasoning step; data adds to the context and ends a wait "
        "for its signal; cancel ends the workflow and its children; retry runs a failed or interrupted step again, "
        "skip passes over a failed or suspended one, and the workflow goes on. One that cannot apply is refused and "
        "changes nothing.",
        _arguments(
            ["workflow_id", "signal_type", "payload"],
            workflow_id=_WORKFLOW,
            signal_type={"type": "string", "enum": ["decision", "data", "cancel", "retry", "skip"]},
            payload={
                "type": "object",
                "description": "decision: {choice, data?}. data: what to merge; with {signal: name} for a wait. "
                "retry: {} or {params} in place of the step's. cancel, skip: {}.",
            },
            step_id={
                **_TEXT,
                "description": "The step, by its full id, such as each.iter_0.ask; a decision needs it when several "
                "are pending.",
            },
            agent_id=_AGENT,
            reasoning={"type": "string", "description": "Why; kept with the signal."},
            wait_ms={**_WAIT, "default": 10000},
        ),
    ),
    Tool(
        "opcode.query",
        "List what there is, in parts: {<resource>: [...], next?}. workflows: status, agent_id, template_name, since. "
        "events: workflow_id or event_type, step_id, since. templates: name, agent_id. decisions: workflow_id, status, "
        "target_agent. actions: name, plugin. jobs: template_name, enabled. All: limit (1 to 500), cursor.",
        _arguments(
            ["resource"],
            resource={
                "type": "string",
                "enum": ["workflows", "events", "templates", "decisions", "actions", "jobs"],
            },
            filter={"type": "object", "description": "Filters by name; unknown ones are refused."},
        ),
        read_only=True,
    ),
)
"""All tools, in the order they are listed."""
