"""`opcode run` and decisions: a person at a terminal answers, anybody else is told what is asked."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from opcode_core.cli.deciding import chosen

SECONDS = 20.0


def definition(folder: Path, **config: Any) -> Path:
    """A file with a workflow that asks, and then says what was chosen."""
    steps = [
        {
            "id": "ask",
            "type": "reasoning",
            "config": {"prompt_context": "Ship \x1b[31mit?", **config},
        },
        {
            "id": "say",
            "action": "crypto.hash",
            "depends_on": ["ask"],
            "params": {"data": "${{steps.ask.output.choice}}", "algorithm": "md5"},
        },
    ]
    file = folder / "ask.json"
    file.write_text(json.dumps({"steps": steps, "output": "${{steps.ask.output}}"}))
    return file


OPTIONS = [{"id": "go", "description": "now"}, {"id": "stop"}]


@pytest.mark.parametrize(
    ("text", "options", "choice"),
    [
        ("go", ["go", "stop"], "go"),
        ("2", ["go", "stop"], "stop"),
        ("2", ["2", "1"], "2"),
        ("0", ["go"], None),
        ("3", ["go", "stop"], None),
        ("²", ["go", "stop"], None),
        ("g", ["go", "stop"], None),
        ("", ["go"], None),
        ("anything", [], "anything"),
        ("", [], None),
    ],
)
def test_a_line_means_an_option_by_name_or_number(
    text: str, options: list[str], choice: str | None
) -> None:
    assert chosen(text, options) == choice


def on_a_terminal(file: Path, folder: Path, *lines: str) -> tuple[int, str]:
    """Run a definition on a terminal and answer each question with the next line."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "opcode_core", "run", str(file)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder)
    os.close(theirs)
    answers, shown, seen = list(lines), "", 0
    until = time.monotonic() + SECONDS
    try:
        while time.monotonic() < until:
            if not select.select([ours], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                shown += os.read(ours, 4096).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                break
            questions = shown.count("choose: ") + shown.count("answer: ")
            if questions > seen and answers:
                seen = questions
                os.write(ours, f"{answers.pop(0)}\n".encode())
        return process.wait(SECONDS), shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_person_chooses_and_the_workflow_goes_on(tmp_path: Path) -> None:
    code, shown = on_a_terminal(definition(tmp_path, options=OPTIONS), tmp_path, "maybe", "2")
    assert code == 0
    assert "none of the options" in shown
    assert "now" in shown
    assert '"choice": "stop"' in shown
    assert '"resolved_by": "command-line"' in shown
    assert "\x1b[31mit" not in shown  # what a definition says does nothing to the terminal


def test_a_free_answer_is_any_text(tmp_path: Path) -> None:
    code, shown = on_a_terminal(definition(tmp_path), tmp_path, "", "as you like")
    assert code == 0
    assert '"choice": "as you like"' in shown


def test_without_a_terminal_the_question_is_shown_and_the_run_is_suspended(tmp_path: Path) -> None:
    file = definition(tmp_path, options=OPTIONS, timeout="1h", fallback="stop")
    command = [sys.executable, "-m", "opcode_core", "run", str(file)]
    options: dict[str, Any] = {"capture_output": True, "text": True, "cwd": tmp_path}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=60, **options)
    assert done.returncode == 3
    assert "then `stop` is chosen" in done.stdout
    done = subprocess.run(
        [*command, "--json"], stdin=subprocess.DEVNULL, check=False, timeout=60, **options
    )
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["status"] == "suspended"
    assert answer["pending_decisions"][0]["step_id"] == "ask"


def test_a_pause_longer_than_a_workflow_stays_in_memory_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "nap.json"
    nap = {"id": "nap", "type": "wait", "config": {"duration": "5.2s"}}
    file.write_text(json.dumps({"steps": [nap]}))
    done = subprocess.run(
        [sys.executable, "-m", "opcode_core", "run", str(file), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"]["waited"] >= 5200
