"""Decisions on a terminal: what a workflow asks is shown, and a person answers."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from opcode_core.cli.text import brief, console, plain
from opcode_core.jsonio import compact_json
from opcode_core.model.requests import SignalRequest


def can_ask() -> bool:
    """Whether there is a person who could answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def answer_for(decision: dict[str, Any], agent_id: str) -> SignalRequest | None:
    """Show a decision and read the answer from the terminal; None when input has ended.

    Args:
        decision: As `status` shows it.
        agent_id: Who answers.
    """
    options = decision["options"]
    show(decision)
    while True:
        sys.stdout.write("choose: " if options else "answer: ")
        sys.stdout.flush()
        line = await _line()
        if line is None:
            return None
        choice = chosen(line.strip(), [option["id"] for option in options])
        if choice is not None:
            return SignalRequest(
                workflow_id=decision["workflow_id"],
                signal_type="decision",
                payload={"choice": choice},
                step_id=decision["step_id"],
                agent_id=decision.get("target_agent", agent_id),
                wait_ms=0,
            )
        sys.stdout.write(
            "that is none of the options\n" if line.strip() else "an answer is needed\n"
        )


def chosen(text: str, options: list[str]) -> str | None:
    """The choice that a line of text means: an option by its name or its number, or any text when there are none."""
    if not text:
        return None
    if not options or text in options:
        return text
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(options):
        return options[int(text) - 1]
    return None


def show(decision: dict[str, Any]) -> None:
    """Show what a workflow asks."""
    from rich.text import Text

    screen = console()
    context = decision["context"]
    screen.print(
        Text.assemble(
            ("? ", "cyan"),
            (plain(decision["step_id"]), "bold"),
            "  ",
            plain(context.get("prompt", "")),
        )
    )
    data = context.get("data")
    if data is not None:
        screen.print(Text(f"  {brief(compact_json(data), 200)}", style="dim"))
    for number, option in enumerate(decision["options"], 1):
        said = option.get("description", "")
        screen.print(
            Text.assemble(f"  {number} ", (plain(option["id"]), "bold"), "  ", (plain(said), "dim"))
        )
    if "timeout_at" in decision:
        fallback = decision.get("fallback")
        then = f"then `{plain(fallback)}` is chosen" if fallback else "then the step fails"
        screen.print(Text(f"  until {decision['timeout_at']}, {then}", style="dim"))


async def _line() -> str | None:
    """The next line of standard input, without a thread, so that an interrupted wait leaves nothing behind."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def arrived() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sys.stdin, arrived)
    try:
        await ready
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline() or None
