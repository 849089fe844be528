"""What a command asks of the engine for people: jobs by hand, old workflows deleted, templates out and in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from opcode_core.durations import parse_duration
from opcode_core.errors import ValidationError
from opcode_core.model.requests import StatusRequest
from opcode_core.service import Service
from opcode_core.upkeep import Upkeep

_WAIT_MS = 50_000
_GOES_ON = ("pending", "active")


async def _enable_job(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _switch_job(service, arguments, enabled=True)


async def _disable_job(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _switch_job(service, arguments, enabled=False)


async def _switch_job(
    service: Service, arguments: dict[str, Any], *, enabled: bool
) -> dict[str, Any]:
    name, template_name = _job_named(arguments)
    job = await _upkeep(service).jobs.enable(name, template_name, enabled=enabled)
    return {"name": job.name, "template_name": job.template_name, "enabled": enabled}


async def _run_job(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    """Start a run by hand; with `wait`, answer when it has ended or waits for somebody."""
    name, template_name = _job_named(arguments)
    workflow_id = await _upkeep(service).jobs.run(name, template_name)
    wait = arguments.get("wait") is True
    while True:
        answer = await service.status(StatusRequest(workflow_id, wait_ms=_WAIT_MS if wait else 0))
        if not wait or answer["status"] not in _GOES_ON:
            return answer


async def _delete_old(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        seconds = parse_duration(_text(arguments, "older_than"))
    except ValueError as error:
        raise ValidationError(f"older-than: {error}") from None
    dry_run = arguments.get("dry_run") is True
    return await _upkeep(service).retention.collect(seconds, dry_run=dry_run)


async def _export(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    names = arguments.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValidationError("`names` must be a list of names")
    return await _upkeep(service).archive.exported(names)


async def _import(service: Service, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _upkeep(service).archive.imported(arguments.get("document"))


UPKEEP: dict[str, Callable[[Service, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "jobs.enable": _enable_job,
    "jobs.disable": _disable_job,
    "jobs.run": _run_job,
    "gc": _delete_old,
    "export": _export,
    "import": _import,
}
"""The verbs for people; see `commands.COMMANDS`."""


def _upkeep(service: Service) -> Upkeep:
    if service.upkeep is None:
        raise ValidationError("this service has neither jobs nor an archive")
    return service.upkeep


def _job_named(arguments: dict[str, Any]) -> tuple[str, str | None]:
    template_name = arguments.get("template_name")
    if template_name is not None:
        template_name = _text(arguments, "template_name")
    return _text(arguments, "name"), template_name


def _text(arguments: dict[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise ValidationError(f"`{name}` must be a text")
    return value
