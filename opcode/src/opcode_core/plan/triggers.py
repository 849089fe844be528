"""The argument `triggers` of `define`: what starts workflows of a template by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opcode_core.fields import Field
from opcode_core.jsonio import compact_json
from opcode_core.model.definition import SchemaCheck
from opcode_core.model.problems import pointer
from opcode_core.plan.fields import check_object
from opcode_core.plan.problems import Problems
from opcode_core.plan.schemas import apply_defaults
from opcode_core.schedule.cron import CronError, parse_cron
from opcode_core.schedule.zones import UnknownZoneError, find_zone

MAX_SCHEDULES = 1000
"""How many schedules a template may have."""
MAX_NAME = 128
"""How many characters the name of a schedule may have."""

_FIELDS = {"cron": Field("array")}
_SCHEDULE = {
    "name": Field("string"),
    "expression": Field("string", required=True),
    "timezone": Field("string"),
    "params": Field("object"),
    "enabled": Field("boolean"),
    "missed": Field("string", choices=("once", "skip", "all")),
    "overlap": Field("string", choices=("skip", "allow", "queue")),
}


def check_triggers(triggers: Any, problems: Problems) -> None:
    """Check what starts a template by itself; report everything that is wrong with it.

    Args:
        triggers: Any JSON; None for nothing.
        problems: Where problems go, with paths into `triggers`.
    """
    if triggers is None:
        return
    schedules = check_object(triggers, _FIELDS, "", problems).get("cron", [])
    if len(schedules) > MAX_SCHEDULES:
        problems.add(
            "/cron",
            "LIMIT_EXCEEDED",
            f"{len(schedules)} schedules: a template has at most {MAX_SCHEDULES}",
        )
        return
    names: dict[str, str] = {}
    for index, schedule in enumerate(schedules):
        _check_schedule(schedule, pointer("/cron", index), names, problems)


def check_params(
    triggers: Any, inputs: Mapping[str, Any], schema: Any, check: SchemaCheck, problems: Problems
) -> None:
    """Report the schedules whose every run would be refused because of its inputs.

    Only what is certain: a default that is put together from references when a run begins is not known here, and a
    schedule that leaves it to that is not judged.

    Args:
        triggers: Checked triggers.
        inputs: The defaults of the definition.
        schema: The input schema.
        check: The same, compiled.
        problems: Where problems go, with paths into `triggers`.
    """
    unknown = {name for name, value in inputs.items() if "${{" in compact_json(value)}
    for index, schedule in enumerate((triggers or {}).get("cron", [])):
        params = schedule.get("params", {})
        if unknown - params.keys():
            continue
        for issue in check(apply_defaults(schema, {**inputs, **params})):
            problems.add(
                f"{pointer('/cron', index)}/params{issue['path']}",
                "INVALID_VALUE",
                f"the inputs of its runs are not what input_schema says: {issue['message']}",
            )


def _check_schedule(schedule: Any, at: str, names: dict[str, str], problems: Problems) -> None:
    good = check_object(schedule, _SCHEDULE, at, problems)
    if "name" in good:
        _check_name(good["name"], pointer(at, "name"), names, problems)
    if "expression" in good:
        try:
            parse_cron(good["expression"])
        except CronError as error:
            problems.add(pointer(at, "expression"), "BAD_CRON", error.message)
    if "timezone" in good:
        _check_zone(good["timezone"], pointer(at, "timezone"), problems)


def _check_name(name: str, at: str, names: dict[str, str], problems: Problems) -> None:
    if not name.strip():
        problems.add(at, "INVALID_VALUE", "a name cannot be empty", hint="leave it out")
    elif len(name) > MAX_NAME:
        problems.add(at, "INVALID_VALUE", f"a name has at most {MAX_NAME} characters")
    elif name in names:
        problems.add(
            at, "DUPLICATE_ID", f"the name `{name}` is taken: the schedule at {names[name]} has it"
        )
    else:
        names[name] = at.removesuffix("/name")


def _check_zone(zone: str, at: str, problems: Problems) -> None:
    try:
        find_zone(zone)
    except UnknownZoneError as error:
        meant = error.meant
        problems.add(
            at,
            "INVALID_VALUE",
            error.message,
            hint=f"did you mean `{meant}`?" if meant else "write a name such as `Europe/Madrid`",
            fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
        )
