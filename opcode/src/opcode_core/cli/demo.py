"""`opcode demo`: the main job on real input, from definition to what is stored."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from opcode_core.cli import demo_parts as parts
from opcode_core.cli.client import CallRefusedError, Client
from opcode_core.cli.text import FAILED, brief, console, plain, print_json, stop
from opcode_core.durations import format_duration
from opcode_core.jsonio import compact_json

_AGENT = "demo"
_NAME = "review/file"


def run_demo(*, keep: bool, as_json: bool) -> None:
    """Run the demo; end the command with 1 when anything is not as it should be."""
    folder = Path(tempfile.mkdtemp(prefix="opcode-demo-"))
    try:
        report = _perform(folder)
    except (CallRefusedError, ConnectionError, AssertionError) as error:
        stop(f"the demo failed: {error}", FAILED)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        report["database"]["path"] = str(folder / "opcode.db")
    if as_json:
        print_json(report)
    else:
        _show(report)


def _perform(folder: Path) -> dict[str, Any]:
    home = parts.find_folder()
    files = parts.files_in(home)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")
    }
    environment |= {"OPCODE_DB_PATH": str(folder / "opcode.db"), "OPCODE_LOG_LEVEL": "warn"}
    with parts.ReviewService() as service:
        began = time.perf_counter()
        with Client(environment, home) as client:
            started = time.perf_counter() - began
            available = {row["name"] for row in client.call("query", resource="actions")["actions"]}
            definition = parts.template(
                with_shell="shell.exec" in available and shutil.which("wc") is not None
            )
            refused = _refused(client)
            defined = client.call(
                "define",
                name=_NAME,
                agent_id=_AGENT,
                definition=definition,
                input_schema=parts.INPUT_SCHEMA,
            )
            plan = client.call("run", template_name=_NAME, agent_id=_AGENT, dry_run=True)
            inputs = [
                {"file": files[0], "team": "docs", "service": service.url},
                {"file": files[1], "team": "build", "service": service.url},
            ]
            runs = [_run(client, one) for one in inputs]
            stored = _stored(client, folder)
    for one, run in zip(inputs, runs, strict=True):
        _verify(home, one, run)
    return {
        "folder": str(home),
        "server_start_ms": round(started * 1000, 1),
        "refused": refused,
        "defined": defined,
        "definition_bytes": len(compact_json(definition)),
        "levels": plan["levels"],
        "runs": runs,
        "database": stored,
    }


def _refused(client: Client) -> list[dict[str, Any]]:
    try:
        client.call("define", name="broken", agent_id=_AGENT, definition=parts.BROKEN)
    except CallRefusedError as refusal:
        return list(refusal.error["details"]["issues"])
    raise AssertionError("a definition with mistakes was accepted")


def _run(client: Client, inputs: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    answer = client.call("run", template_name=_NAME, agent_id=_AGENT, params=inputs)
    took = time.perf_counter() - began
    if answer["status"] != "completed":
        raise AssertionError(f"the workflow ended as {answer['status']}: {answer.get('error')}")
    arguments = {"template_name": _NAME, "agent_id": _AGENT, "params": inputs}
    return {
        "inputs": inputs,
        "took_ms": round(took * 1000, 2),
        "call_bytes": len(compact_json(arguments)),
        "answer": answer,
    }


def _stored(client: Client, folder: Path) -> dict[str, Any]:
    workflows = client.call("query", resource="workflows")["workflows"]
    counts = {}
    for workflow in workflows:
        chosen = {"workflow_id": workflow["workflow_id"], "limit": 500}
        counts[workflow["workflow_id"]] = len(
            client.call("query", resource="events", filter=chosen)["events"]
        )
    large = client.call("query", resource="events", filter={"event_type": "file.large"})["events"]
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "workflows": len(workflows),
        "events": sum(counts.values()),
        "file_large": len(large),
        "bytes": size,
    }


def _verify(home: Path, inputs: dict[str, Any], run: dict[str, Any]) -> None:
    """Hold what the workflow gave against the file itself."""
    data = (home / inputs["file"]).read_bytes()
    if run["answer"]["output"]["sha256"] != hashlib.sha256(data).hexdigest():
        raise AssertionError(f"the digest of {inputs['file']} is not the file's")


def _show(report: dict[str, Any]) -> None:
    from rich.rule import Rule
    from rich.text import Text

    screen = console()

    def heading(text: str) -> None:
        screen.print()
        screen.print(Rule(Text(text, style="bold"), align="left", style="dim"))

    screen.print(
        Text(
            f"OPCODE on {plain(report['folder'])}; the server answered after {report['server_start_ms']:.0f} ms"
        )
    )
    heading("A definition with mistakes is refused, all of them at once")
    for issue in report["refused"]:
        line = Text.assemble(
            ("✗ ", "red"), (f"{plain(issue['path']):26}", "bold"), " ", plain(issue["message"])
        )
        screen.print(line)
        if "hint" in issue:
            screen.print(
                Text.assemble("  ", " " * 26, " ", ("hint: ", "cyan"), plain(issue["hint"]))
            )
    heading(f"Defined once: {report['defined']['name']} {report['defined']['version']}")
    for number, level in enumerate(report["levels"], 1):
        screen.print(Text.assemble((f"level {number}  ", "dim"), "  ".join(level)))
    for number, run in enumerate(report["runs"], 1):
        _show_run(screen, heading, number, run)
    heading("What the second run cost")
    second = report["runs"][1]
    screen.print(
        f"0 tokens of reasoning, one call of {second['call_bytes']} bytes instead of a definition of "
        f"{report['definition_bytes']}, {second['took_ms']:.1f} ms."
    )
    heading("What is stored")
    stored = report["database"]
    screen.print(
        f"{stored['workflows']} workflows, {stored['events']} events (file.large: {stored['file_large']}), "
        f"1 template version, {stored['bytes'] / 1024:.0f} KiB"
    )
    if "path" in stored:
        screen.print(plain(stored["path"]), markup=False)


def _show_run(screen: Any, heading: Any, number: int, run: dict[str, Any]) -> None:
    from rich.text import Text

    inputs, answer = run["inputs"], run["answer"]
    heading(f"Run {number}: {inputs['file']} for {inputs['team']}, {run['took_ms']:.1f} ms")
    for step in answer["steps"].values():
        done = step["status"] == "completed"
        took = format_duration(step["duration_ms"] / 1000) if "duration_ms" in step else ""
        mark = ("✓", "green") if done else ("-", "yellow")
        said = brief(step["output"], 56) if done else step["status"]
        screen.print(
            Text.assemble(
                mark, " ", (f"{plain(step['step_id']):10}", "bold"), f"{took:>8}  ", (said, "dim")
            )
        )
    screen.print(Text.assemble(("output  ", "bold"), brief(answer["output"], 300)))
