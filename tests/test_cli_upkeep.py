"""`opcode jobs`, `gc`, `backup`, `export` and `import`, with a server on the database and without."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opcode_core.cli.client import Client

TEMPLATE = {
    "name": "write",
    "agent_id": "ann",
    "definition": {
        "steps": [
            {"id": "a", "action": "fs.write", "params": {"path": "out.txt", "content": "n is ${{inputs.n}}"}}
        ]
    },
    "triggers": {
        "cron": [
            {"name": "nightly", "expression": "17 3 * * *", "params": {"n": 8}},
            {"name": "off\x1b[31m", "expression": "@weekly", "enabled": False},
        ]
    },
}  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPCODE_")}
    return {**kept, "OPCODE_DB_PATH": str(folder / "o.db"), "NO_COLOR": "1", "COLUMNS": "200"}


class Place:
    """A folder with a database, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def opcode(self, *words: str, stdin: str = "", code: int = 0, db: str = "o.db") -> Any:
        """Run a command; with `--json` its document, else what it wrote (or complained, if it was to fail)."""
        done = subprocess.run(
            [sys.executable, "-m", "opcode_core", *words],
            cwd=self.folder,
            env=environment(self.folder) | {"OPCODE_DB_PATH": str(self.folder / db)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done
        if code == 2:
            assert done.stdout == ""
        text = done.stdout or done.stderr
        return json.loads(done.stdout) if "--json" in words and done.stdout else text


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Place]:
    """The template defined by a server that goes on."""
    with Client(environment(tmp_path), tmp_path) as server:
        server.call("define", **TEMPLATE)
        yield Place(tmp_path)


@pytest.fixture
def alone(tmp_path: Path) -> Place:
    """The template defined by a server that has ended."""
    with Client(environment(tmp_path), tmp_path) as server:
        server.call("define", **TEMPLATE)
    return Place(tmp_path)


@pytest.fixture(params=["served", "alone"])
def place(request: Any) -> Place:
    """Both."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.mark.promise("schedules")
def test_jobs_for_people(place: Place) -> None:
    (nightly, off) = place.opcode("jobs", "list", "--json")["jobs"]
    assert (nightly["name"], nightly["params"], nightly["enabled"]) == ("nightly", {"n": 8}, True)
    assert (off["enabled"], off["next_run"]) == (False, None)
    listed = place.opcode("jobs", "list", "--template", "write")
    assert "17 3 * * *" in listed
    assert nightly["next_run"][:16].replace("T", " ") in listed
    assert "\x1b" not in listed
    assert "no jobs" in place.opcode("jobs", "list", "--template", "nobody")
    assert not (place.folder / "out.txt").exists()

    done = place.opcode("jobs", "run", "nightly", "--json")
    assert (done["status"], (place.folder / "out.txt").read_text()) == ("completed", "n is 8")
    (again, _) = place.opcode("jobs", "list", "--json")["jobs"]
    assert again["last_workflow_id"] == done["workflow_id"]
    assert again["next_run"] == nightly["next_run"]

    assert "is disabled" in place.opcode("jobs", "disable", "nightly")
    assert "disabled" in place.opcode("jobs", "list").splitlines()[2]
    told = place.opcode("jobs", "enable", "nightly", "--template", "write", "--json")
    assert told == {"name": "nightly", "template_name": "write", "enabled": True}
    assert place.opcode("jobs", "list", "--json")["jobs"][0]["next_run"] == nightly["next_run"]
    refused = place.opcode("jobs", "enable", "nightly", "--template", "x", code=2)
    assert "no job `nightly` of template `x`: `opcode jobs list` lists them" in refused
    assert "several jobs are meant" in place.opcode("jobs", "run", "write", code=2)


@pytest.mark.promise("schedules")
def test_a_run_by_hand_that_fails_says_so(alone: Place) -> None:
    failing = {"steps": [{"id": "f", "action": "workflow.fail", "params": {"reason": "no luck"}}]}
    document = {
        "opcode_templates": 1,
        "templates": [
            {
                "name": "bad",
                "versions": [
                    {
                        "version": "v1",
                        "definition": failing,
                        "agent_id": "ann",
                        "triggers": {"cron": [{"name": "b", "expression": "@daily"}]},
                    }
                ],
            }
        ],
    }
    alone.opcode("import", "-", stdin=json.dumps(document))
    assert "no luck" in alone.opcode("jobs", "run", "b", code=1)
    assert alone.opcode("jobs", "run", "bad", "--json", code=1)["status"] == "failed"


def test_gc(served: Place) -> None:
    for _ in range(2):
        served.opcode("jobs", "run", "nightly")
    counted = served.opcode("gc", "--older-than", "0s", "--dry-run", "--json")
    assert (counted["dry_run"], counted["workflows"], counted["events"]) == (True, 2, 8)
    assert "0 workflows" in served.opcode("gc", "--older-than", "1d")
    assert "2 workflows, 8 events, 0 decisions deleted" in served.opcode("gc", "--older-than", "0s")
    for wrong in (("--older-than", "30"), ("--older-than", "tomorrow"), ()):
        served.opcode("gc", *wrong, code=2)


def test_gc_without_a_server(alone: Place) -> None:
    alone.opcode("jobs", "run", "nightly")
    assert alone.opcode("gc", "--older-than", "0s", "--json")["workflows"] == 1


def test_backup(served: Place) -> None:
    served.opcode("jobs", "run", "nightly")
    told = served.opcode("backup", "copy.db", "--json")
    assert (told["workflows"], told["events"], told["templates"], told["jobs"]) == (1, 4, 1, 2)
    assert told["file"] == str(served.folder / "copy.db")
    assert "is there already" in served.opcode("backup", "copy.db", code=1)
    with closing(sqlite3.connect(served.folder / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    served.opcode("jobs", "run", "nightly")  # the server goes on
    assert served.opcode("jobs", "run", "nightly", "--json", db="copy.db")["status"] == "completed"


def test_export_and_import(place: Place) -> None:
    document = place.opcode("export", "write")
    assert "v1 (was here)" in place.opcode("import", "-", stdin=document)
    (place.folder / "t.json").write_text(document, encoding="utf-8")
    told = place.opcode("import", "t.json", "--json", db="other.db")
    assert told == {"versions": [{"name": "write", "version": "v1", "stored": "v1", "new": True}]}
    assert place.opcode("export", db="other.db") == document
    broken = document.replace("fs.write", "fs.wrote")
    assert (
        "nothing was imported: /templates/0/versions/0/definition/steps/0/action"
        in place.opcode("import", "-", stdin=broken, code=2)
    )


def test_what_cannot_be_imported_or_exported(alone: Place) -> None:
    assert "no template" in alone.opcode("export", "write", "nobody", code=2)
    assert "not JSON" in alone.opcode("import", "-", stdin="{", code=2)
    assert "cannot be read" in alone.opcode("import", "nothing.json", code=2)


@pytest.mark.parametrize(
    "words",
    [("jobs", "list"), ("jobs", "run", "x"), ("gc", "--older-than", "1d"), ("backup", "c.db"), ("export",)],
)  # fmt: skip
def test_a_command_that_looks_makes_no_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "there is no database" in Place(tmp_path).opcode(*words, code=2)
    assert list(tmp_path.iterdir()) == []
