"""The command line: what people and machines see, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def opcode(*words: str, stdin: str = "", cwd: Path | None = None, **environment: str) -> Any:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
    return subprocess.run(
        [sys.executable, "-m", "opcode_core", *words],
        input=stdin,
        cwd=cwd,
        env=env | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write(folder: Path, value: Any, name: str = "w.json") -> str:
    path = folder / name
    path.write_text(
        value if isinstance(value, str) else json.dumps(value, indent=1), encoding="utf-8"
    )
    return str(path)


GOOD = {
    "inputs": {"who": "Ada"},
    "steps": [
        {
            "id": "digest",
            "action": "crypto.hash",
            "params": {"data": "${{inputs.who}}", "algorithm": "md5"},
        },
        {
            "id": "check",
            "action": "assert.equals",
            "depends_on": ["digest"],
            "params": {"expected": 1, "actual": "${{inputs.n}}"},
        },
    ],
    "output": {"md5": "${{steps.digest.output.hash}}"},
}


def test_version_is_said_for_people_and_machines() -> None:
    done = opcode("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"opcode \S+ \(Python \S+, SQLite \S+\)\n", done.stdout)
    assert set(json.loads(opcode("version", "--json").stdout)) == {"opcode", "python", "sqlite"}


@pytest.mark.parametrize(
    "words", [[], ["run"], ["validate"], ["plugins"], ["actions"], ["demo"], ["version"]]
)
def test_every_command_explains_itself(words: list[str]) -> None:
    done = opcode(*words, "--help")
    assert done.returncode == 0
    assert "Usage: opcode" in done.stdout


def test_bad_usage_ends_with_2() -> None:
    assert opcode("no-such-command").returncode == 2
    assert opcode("run").returncode == 2
    assert opcode("actions", "crypto.hsah").returncode == 2
    assert "crypto.hash" in opcode("actions", "crypto.hsah").stderr


def test_plugins_are_listed_with_what_became_of_them() -> None:
    rows = json.loads(opcode("plugins", "--json", OPCODE_DISABLED_PLUGINS="shell,fs").stdout)[
        "plugins"
    ]
    status = {row["name"]: row["status"] for row in rows}
    assert status["crypto"] == "loaded"
    assert (status["shell"], status["fs"]) == ("disabled", "disabled")
    assert "disabled" in opcode("plugins", OPCODE_DISABLED_PLUGINS="shell").stdout


def test_an_action_is_described_by_its_own_classes() -> None:
    described = json.loads(opcode("actions", "crypto.hash", "--json").stdout)
    assert described["effect"] == "pure"
    assert described["params"]["required"] == ["data"]
    shown = opcode("actions", "crypto.hash").stdout
    assert "algorithm" in shown
    assert "sha256 | sha384" in shown
    assert "crypto.hash" in opcode("actions").stdout


def test_a_good_definition_is_valid_and_runs(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    assert opcode("validate", file).returncode == 0
    done = opcode("run", file, "-p", "n=1", "-p", "who=x")
    assert done.returncode == 0, done.stderr
    assert "9dd4e461268c8034f5c8564e155c67a6" in done.stdout
    assert re.search(r"✓ digest", done.stdout)


def test_run_for_machines_is_one_json_document(tmp_path: Path) -> None:
    done = opcode(
        "run", write(tmp_path, GOOD), "--params", '{"n": 1, "who": "y"}', "-p", "who=x", "--json"
    )
    answer = json.loads(done.stdout)
    assert answer["status"] == "completed"
    assert answer["output"] == {"md5": "9dd4e461268c8034f5c8564e155c67a6"}


def test_a_workflow_that_fails_ends_with_1(tmp_path: Path) -> None:
    done = opcode("run", write(tmp_path, GOOD), "-p", "n=2")
    assert done.returncode == 1
    assert "ASSERTION_FAILED" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_run_can_be_kept(tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    assert opcode("run", write(tmp_path, GOOD), "-p", "n=1", "--db", str(database)).returncode == 0
    assert database.stat().st_mode & 0o777 == 0o600


def test_problems_are_shown_with_line_column_and_hint(tmp_path: Path) -> None:
    file = write(tmp_path, '{\n  "steps": [\n    {"id": "a", "action": "crypto.hsah"}\n  ]\n}\n')
    done = opcode("validate", file)
    assert done.returncode == 2
    assert f"{file}:3:27 error ACTION_UNAVAILABLE" in done.stdout
    assert "hint: did you mean `crypto.hash`?" in done.stdout
    lines = done.stdout.splitlines()
    mark = next(line for line in lines if line.rstrip().endswith("^"))
    source = next(line for line in lines if "crypto.hsah" in line and "|" in line)
    assert source[mark.index("^") :].startswith('"crypto.hsah"')
    issue = json.loads(opcode("validate", file, "--json").stdout)["issues"][0]
    assert (issue["line"], issue["column"], issue["path"]) == (3, 27, "/steps/0/action")
    assert opcode("run", file).returncode == 2


def test_the_arguments_of_define_are_taken_too(tmp_path: Path) -> None:
    wrapped = {"name": "t", "definition": GOOD, "input_schema": {"type": "objct"}}
    done = opcode("validate", "-", "--json", stdin=json.dumps(wrapped))
    assert done.returncode == 2
    assert json.loads(done.stdout)["issues"][0]["argument"] == "input_schema"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 5000 + "]" * 5000,
        '{"a": 18446744073709551616}',
    ],
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    done = opcode("validate", write(tmp_path, text))
    assert done.returncode == 2
    assert done.stderr.startswith("opcode: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["-p", "n"], ["-p", "n=1", "-p", "n=2"], ["--params", "[1]"], ["--params", "{"]]
)
def test_inputs_that_cannot_be_read_are_refused(tmp_path: Path, words: list[str]) -> None:
    assert opcode("run", write(tmp_path, GOOD), *words).returncode == 2


def test_text_from_outside_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2J\x07\u202e[red]\u0085"
    definition = {
        "steps": [
            {"id": "a", "action": "crypto.hash", "params": {"data": "${{inputs.x}}", evil: 1}}
        ]
    }
    shown = opcode("validate", write(tmp_path, definition)).stdout
    ran = {"steps": [{"id": "a", "action": "workflow.fail", "params": {"reason": "${{inputs.x}}"}}]}
    failed = opcode("run", write(tmp_path, ran), "--params", json.dumps({"x": evil}))
    for text in (shown, failed.stdout, failed.stderr):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[red]" in failed.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"OPCODE_CONFIG": "/no/such/file.toml"},
        {"OPCODE_POOL_SIZE": "many"},
        {"OPCODE_LOG_LEVEL": "loud"},
    ],
)
def test_a_setting_that_cannot_be_ends_the_server_with_2(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = opcode(cwd=tmp_path, **environment)
    assert done.returncode == 2
    entry = json.loads(done.stderr)
    assert entry["level"] == "error"
    assert next(iter(environment)) in entry["message"]


def test_the_demo_does_its_job_on_real_files() -> None:
    report = json.loads(opcode("demo", "--json", cwd=ROOT).stdout)
    assert report["folder"] == str(ROOT)
    assert len(report["runs"]) == 2
    assert all(run["answer"]["status"] == "completed" for run in report["runs"])
    assert report["database"]["workflows"] == 2
    assert {issue["path"] for issue in report["refused"]} >= {
        "/steps/0/action",
        "/steps/1/params/algoritm",
    }


def test_the_demo_shows_levels_timings_costs_and_what_is_stored(tmp_path: Path) -> None:
    done = opcode("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for piece in ("level 1", "Run 2", "What the second run cost", "0 tokens", "What is stored"):
        assert piece in done.stdout
