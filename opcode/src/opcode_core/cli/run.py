"""`opcode run`: a definition from a file, its steps shown as they settle."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from opcode_core.cli.deciding import answer_for, can_ask, show
from opcode_core.cli.elsewhere import RunsWorkflows, here_or_elsewhere
from opcode_core.cli.files import read_definition
from opcode_core.cli.text import (
    BAD_USAGE,
    DONE,
    FAILED,
    INTERRUPTED,
    SUSPENDED,
    brief,
    console,
    plain,
    print_json,
    stop,
    stop_for,
)
from opcode_core.cli.validate import show_problems
from opcode_core.durations import format_duration
from opcode_core.errors import OpcodeError
from opcode_core.jsonio import parse_json
from opcode_core.logs import configure
from opcode_core.model.events import Event
from opcode_core.model.requests import DefineRequest, RunRequest, SignalRequest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.settings import Settings, SettingsError, load_settings

_AGENT = "command-line"
_MARKS = {
    "step_completed": ("✓", "green"),
    "step_failed": ("✗", "red"),
    "step_skipped": ("-", "yellow"),
} | {
    "step_ignored": ("~", "yellow"),
    "step_retrying": ("↻", "yellow"),
}


def run_file(
    name: str, pairs: tuple[str, ...], params: str | None, db: str | None, *, as_json: bool
) -> None:
    """Run a definition; end the command with 1 when the workflow failed, 2 when it was refused."""
    file = read_definition(name)
    inputs = read_inputs(pairs, params)
    try:
        settings = load_settings()
    except SettingsError as error:
        stop(str(error), BAD_USAGE)
    configure("warn" if settings.log_level == "info" else settings.log_level)
    registry = load_plugins(settings)
    diagnosis = diagnose(file.definition, registry, **file.arguments)
    if diagnosis.plan is None:
        show_problems(file, diagnosis.problems, stderr=True)
        raise SystemExit(BAD_USAGE)
    with _database(db) as path:
        request = DefineRequest(
            name=_template_name(name), definition=file.definition, agent_id=_AGENT, **file.arguments
        )
        try:
            code = asyncio.run(
                _run(replace(settings, db_path=path), registry, request, inputs, as_json=as_json)
            )
        except OpcodeError as error:
            stop_for(error)
    raise SystemExit(code)


def read_inputs(pairs: tuple[str, ...], params: str | None) -> dict[str, Any]:
    """The inputs of `--params` and `-p`; what cannot be read ends the command."""
    inputs: dict[str, Any] = {}
    try:
        if params is not None:
            inputs = parse_json(params)
            if not isinstance(inputs, dict):
                stop("--params must be a JSON object", BAD_USAGE)
        given: dict[str, Any] = {}
        for pair in pairs:
            key, found, text = pair.partition("=")
            if not found or not key:
                stop(f"-p takes KEY=VALUE, not {pair!r}", BAD_USAGE)
            if key in given:
                stop(f"-p {key} is given twice", BAD_USAGE)
            given[key] = _value(text)
    except OpcodeError as error:
        stop(f"--params: {error.message}", BAD_USAGE)
    return {**inputs, **given}


def _value(text: str) -> Any:
    try:
        return parse_json(text)
    except OpcodeError:
        return text


@contextlib.contextmanager
def _database(db: str | None) -> Iterator[Path]:
    if db is not None:
        yield Path(db).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="opcode-run-") as folder:
        yield Path(folder) / "opcode.db"


def _template_name(file: str) -> str:
    stem = "".join(
        character if character.isalnum() and character.isascii() else "-"
        for character in Path(file).stem
    )
    return stem[:100].strip("-") or "run"


async def _run(
    settings: Settings,
    registry: Any,
    request: DefineRequest,
    inputs: dict[str, Any],
    *,
    as_json: bool,
) -> int:
    async with here_or_elsewhere(settings, registry) as service:
        await service.define(request)
        progress = None if as_json else _Progress()
        run = RunRequest(
            request.name, _AGENT, params=inputs, wait_ms=0, working_directory=str(Path.cwd())
        )
        answer = await _to_the_end(service, run, progress)
    if as_json:
        print_json(answer)
    elif progress is not None:
        progress.end(answer)
    codes = {"completed": DONE, "suspended": SUSPENDED, "cancelled": INTERRUPTED}
    return codes.get(answer["status"], FAILED)


async def _to_the_end(
    service: RunsWorkflows, run: RunRequest, progress: _Progress | None
) -> dict[str, Any]:
    """Run a workflow to its end; Ctrl-C cancels it."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    workflow_id, events = await service.watch(run)
    stopping = loop.create_task(interrupted.wait())
    try:
        while True:
            coming = loop.create_task(events.get())
            await asyncio.wait((coming, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                with contextlib.suppress(OpcodeError):
                    await service.signal(SignalRequest(workflow_id, "cancel", {}, agent_id=_AGENT))
                break
            event = coming.result()
            if event is None:
                if await _answered(service, workflow_id, stopping, ask=progress is not None):
                    continue
                break
            if progress is not None:
                progress.show(event)
    finally:
        stopping.cancel()
    return await service.result(workflow_id)


async def _answered(
    service: RunsWorkflows, workflow_id: str, stopping: asyncio.Task[Any], *, ask: bool
) -> bool:
    """Whether the workflow goes on because a person answered what it asks."""
    state = await service.result(workflow_id)
    pending = state.get("pending_decisions")
    if not pending or not ask or not can_ask():
        return False
    asking = asyncio.get_running_loop().create_task(answer_for(pending[0], _AGENT))
    await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        asking.cancel()
        return True  # the interruption is seen to next
    signal_request = asking.result()
    if signal_request is None:
        return False
    try:
        await service.signal(signal_request)
    except OpcodeError as error:
        console(stderr=True).print(plain(error.message), markup=False)
    return True


class _Progress:
    """Shows steps as they settle, a line each."""

    def __init__(self) -> None:
        self._screen = console()
        self._began: dict[str, int] = {}

    def show(self, event: Event) -> None:
        """Show one event, if it is one a person waits for."""
        step_id = event.step_id
        if event.event_type == "step_started" and step_id is not None:
            self._began[step_id] = event.timestamp
            return
        mark = _MARKS.get(event.event_type)
        if mark is None or step_id is None:
            return
        from rich.text import Text

        began = self._began.get(step_id)
        took = "" if began is None else format_duration((event.timestamp - began) / 1e6)
        sign, colour = mark
        self._screen.print(
            Text.assemble(
                (sign, colour),
                " ",
                (f"{plain(step_id):24}", "bold"),
                f" {took:>8}  ",
                (_said(event), "dim"),
            )
        )

    def end(self, answer: dict[str, Any]) -> None:
        """Show how the workflow ended."""
        from rich.text import Text

        for decision in answer.get("pending_decisions", ()):
            show(decision)
        colours = {"completed": "green", "suspended": "cyan"}
        colour = colours.get(answer["status"], "red")
        self._screen.print(Text.assemble((answer["status"], colour)))
        if "error" in answer:
            self._screen.print(
                plain(f"{answer['error']['code']}: {answer['error']['message']}"), markup=False
            )
        if answer["status"] == "completed":
            print_json(answer["output"])


def _said(event: Event) -> str:
    payload = event.payload or {}
    if event.event_type == "step_completed":
        return brief(payload["output"])
    if "error" in payload:
        return brief(f"{payload['error']['code']}: {payload['error']['message']}", 90)
    return brief(str(payload.get("reason", "")))
