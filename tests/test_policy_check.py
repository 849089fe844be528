"""opcode policy check: what settings say about the steps of a definition, before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOML = """
[plugins]
disable = ["jq"]
[actions]
deny = ["crypto.hmac"]
[fs]
roots = ["{folder}/data"]
[http]
hosts = ["api.example.com", "*.example.org", "localhost:8080", "127.0.0.1", "10.1.0.1"]
private_ranges = ["127.0.0.0/8"]
[shell]
commands = ["git", "/srv/tools/*"]
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    toml = TOML.replace("{folder}", str(tmp_path))
    (tmp_path / "opcode.toml").write_text(toml, encoding="utf-8")
    return tmp_path


def check(folder: Path, *words: str, stdin: Any = None) -> tuple[int, Any, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
    done = subprocess.run(
        [sys.executable, "-m", "opcode_core", "policy", "check", *words],
        input=json.dumps(stdin),
        cwd=folder,
        env=env | {"OPCODE_DB_PATH": str(folder / "o.db")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = json.loads(done.stdout) if "--json" in words and done.stdout else done.stdout
    return done.returncode, shown, done.stderr


def step(step_id: str, action: str, **params: Any) -> dict[str, Any]:
    return {"id": step_id, "action": action, "params": params}


REFUSED = [
    step("path", "fs.read", path="/etc/passwd"),
    step("dots", "fs.write", path="data/../x", content="1"),
    step("host", "http.get", url="https://evil.example/"),
    step("port", "http.get", url="http://localhost:9/"),
    step("meta", "http.get", url="http://169.254.169.254/"),
    step("private", "http.get", url="http://10.1.0.1/"),
    step("command", "shell.exec", command="curl"),
    step("shell", "shell.exec", command="git log | head", shell=True),
]
ALLOWED = [
    step("path", "fs.read", path="data/x"),
    step("host", "http.get", url="https://api.example.com/${{inputs.x}}"),
    step("below", "http.get", url="https://a.b.example.org/"),
    step("port", "http.get", url="http://localhost:8080/"),
    step("loopback", "http.get", url="http://127.0.0.1/"),
    step("command", "shell.exec", command="/srv/tools/build"),
]
DEPENDS = [
    step("path", "fs.read", path="${{inputs.p}}"),
    step("host", "http.get", url="${{inputs.u}}"),
]


@pytest.mark.parametrize(
    ("steps", "verdict", "code"),
    [(REFUSED, "refused", 1), (ALLOWED, "allowed", 0), (DEPENDS, "depends on data", 0)],
)
def test_each_thing_a_step_names_is_judged(
    room: Path, steps: list[dict[str, Any]], verdict: str, code: int
) -> None:
    returned, shown, _ = check(room, "-", "--json", stdin={"steps": steps})
    assert {one["step"]: one["verdict"] for one in shown["touches"]} == {
        one["id"]: verdict for one in steps
    }
    assert returned == code


def test_a_refusal_names_its_rule(room: Path) -> None:
    _, shown, _ = check(room, "-", "--json", stdin={"steps": REFUSED})
    rules = {one["step"]: one["rule"] for one in shown["touches"]}
    assert (rules["path"], rules["host"], rules["command"]) == (
        "fs.roots",
        "http.hosts",
        "shell.commands",
    )
    reasons = {one["step"]: one["reason"] for one in shown["touches"]}
    assert "http.private_ranges" in reasons["private"]


def test_nested_steps_and_hooks_are_judged_too(room: Path) -> None:
    loop = {
        "id": "l",
        "type": "loop",
        "config": {"mode": "for_each", "over": [1], "body": [REFUSED[0]]},
    }
    hook = {"action": "shell.exec", "params": {"command": "curl"}}
    code, shown, _ = check(room, "-", "--json", stdin={"steps": [loop], "on_error": hook})
    assert code == 1
    assert {one["step"]: one["verdict"] for one in shown["touches"]} == {
        "l.*.path": "refused",
        "on_error": "refused",
    }


def test_what_define_would_refuse_is_shown_as_it_would(room: Path) -> None:
    steps = [step("a", "crypto.hmac", data="x", key="k")]
    code, shown, _ = check(room, "-", "--json", stdin={"steps": steps})
    (issue,) = shown["issues"]
    assert (code, shown["valid"], issue["code"]) == (2, False, "ACTION_UNAVAILABLE")
    assert "actions.deny has `crypto.hmac`" in issue["message"]


def test_people_read_a_line_for_each(room: Path) -> None:
    code, shown, _ = check(room, "-", stdin={"steps": [REFUSED[0], {**ALLOWED[1], "id": "b"}]})
    lines = shown.splitlines()
    assert (code, len(lines)) == (1, 2)
    assert lines[0].startswith("refused")
    assert "fs.roots" in lines[0]
    code, shown, _ = check(room, "-", stdin={"steps": [{"id": "a", "action": "crypto.uuid"}]})
    assert (code, "no step names anything" in shown) == (0, True)


def test_without_a_file_the_policy_itself_is_shown(room: Path) -> None:
    code, shown, _ = check(room, "--json")
    assert code == 0
    assert shown["file"] == str(room / "opcode.toml")
    assert shown["plugins"] == {"jq": "by policy: plugins.disable names it"}
    assert shown["actions"] == {"crypto.hmac": "actions.deny has `crypto.hmac`"}
    assert shown["settings"]["shell.commands"] == ["git", "/srv/tools/*"]
    assert "crypto.hmac" in check(room)[1]


def test_settings_that_cannot_be_used_are_all_named(room: Path) -> None:
    (room / "opcode.toml").write_text("limits.steps = 0\nshell.network = 1\n", encoding="utf-8")
    code, _, stderr = check(room, "-", stdin={"steps": []})
    assert code == 2
    assert "/limits/steps: expected a whole number" in stderr
    assert "/shell/network: expected true or false" in stderr


def test_values_with_escapes_do_nothing_to_a_terminal(room: Path) -> None:
    steps = [step("a", "fs.read", path="\x1b[2Jx")]
    _, shown, _ = check(room, "-", stdin={"steps": steps})
    assert "\x1b" not in shown
