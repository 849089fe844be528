"""`opcode jobs`: what starts templates by itself, for people."""

from __future__ import annotations

from typing import Any

from opcode_core.cli.asking import ask, command_settings
from opcode_core.cli.listing import cell, table
from opcode_core.cli.text import DONE, FAILED, brief, console, plain, print_json

_PART = 500


def list_jobs(template_name: str | None, *, as_json: bool) -> None:
    """List the jobs."""
    rows = _all_jobs({} if template_name is None else {"template_name": template_name})
    rows.sort(key=lambda row: (row["template_name"], row["name"]))
    if as_json:
        print_json({"jobs": rows})
        return
    shown = table("name", "template", "expression", "time zone", "next run", "last run", "")
    for row in rows:
        shown.add_row(
            cell(row["name"], "bold"),
            cell(row["template_name"]),
            cell(row["expression"]),
            cell(row["timezone"]),
            cell(_moment(row["next_run"]) if row["enabled"] else "disabled"),
            cell(_moment(row.get("last_run"))),
            cell(row.get("last_error", ""), "red"),
        )
    console().print(shown if rows else "There are no jobs: `triggers` in define make them.")


def switch_job(name: str, template_name: str | None, *, enabled: bool, as_json: bool) -> None:
    """Enable or disable a job."""
    verb = "jobs.enable" if enabled else "jobs.disable"
    told = ask(command_settings(), verb, name=name, template_name=template_name)
    if as_json:
        print_json(told)
        return
    state = "enabled" if told["enabled"] else "disabled"
    console().print(cell(f"{told['name']} of {told['template_name']} is {state}"))


def run_job(name: str, template_name: str | None, *, wait: bool, as_json: bool) -> None:
    """Start a run of a job; end the command with 1 when its workflow failed."""
    told = ask(command_settings(), "jobs.run", name=name, template_name=template_name, wait=wait)
    status = told["status"]
    if as_json:
        print_json(told)
    else:
        screen = console()
        screen.print(cell(f"workflow {told['workflow_id']}: {status}"))
        if "error" in told:
            screen.print(cell(f"{told['error']['code']}: {told['error']['message']}", "red"))
        elif status == "completed":
            screen.print(cell(brief(told.get("output"), 200)))
    raise SystemExit(FAILED if status in ("failed", "cancelled") else DONE)


def _all_jobs(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    settings = command_settings()
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        told = ask(settings, "query", resource="jobs", filter={"limit": _PART, **wanted, **cursor})
        rows += told["jobs"]
        if "next" not in told:
            return rows
        cursor = {"cursor": told["next"]}


def _moment(text: str | None) -> str:
    """A time to the second."""
    return "" if text is None else plain(text[:19].replace("T", " ") + " UTC")
