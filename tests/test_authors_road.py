"""The road of somebody who writes a plugin: the tutorial, and `opcode plugins new`, in an environment of their own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elsewhere import EXAMPLE, ROOT, Elsewhere, call, make_environment, surroundings
from opcode_core.cli.app import opcode

PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(
    r"(?:^(?P<how>Save this as|Add this to) `(?P<path>[^`]+)`:\n\n)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FAILS = "  # it fails"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return make_environment(tmp_path_factory)


class Reader:
    """Somebody who does what a page says, and looks whether the page told the truth."""

    def __init__(self, place: Elsewhere) -> None:
        self.place = place
        self.folder = place.folder
        self.shown = ""
        self.commands = 0

    def follow(self, page: str) -> None:
        for block in BLOCK.finditer(page):
            kind, text = block["kind"], block["text"]
            if block["path"]:
                self.write(block["how"], block["path"], text)
            elif kind == "sh":
                self.shown = "".join(self.run(line) for line in text.splitlines())
            elif kind == "text":
                self.compare(text)
            else:
                raise AssertionError(f"what is to be done with this?\n{text}")

    def write(self, how: str, path: str, text: str) -> None:
        mode = "a" if how == "Add this to" else "w"
        with (self.folder / path).open(mode, encoding="utf-8") as file:
            file.write(text)

    def run(self, line: str) -> str:
        self.commands += 1
        done = subprocess.run(
            ["/bin/sh", "-ec", f"{line}\npwd > {self.place.folder}/where"],
            cwd=self.folder,
            env=surroundings(self.folder, self.place.programs),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert (done.returncode != 0) == line.endswith(FAILS), f"{line}\n{shown}"
        if done.returncode == 0:
            self.folder = Path((self.place.folder / "where").read_text(encoding="utf-8").strip())
        return shown

    def compare(self, expected: str) -> None:
        """Each line is there, in this order; `…` stands for anything."""
        at = 0
        for line in expected.splitlines():
            pieces = [re.escape(piece.strip()) for piece in line.split("…")]
            found = re.compile(r".*?".join(pieces)).search(self.shown, at)
            assert found, f"{line!r} is not shown in\n{self.shown}"
            at = found.end()


def test_the_tutorial_is_true_to_the_letter(place: Elsewhere) -> None:
    reader = Reader(place)
    reader.follow(PAGE.read_text(encoding="utf-8"))
    assert reader.commands == 12
    built = reader.folder / "src" / "opcode_action_dice" / "roll.py"
    example = EXAMPLE / "src" / "opcode_action_dice" / "roll.py"
    assert built.read_text(encoding="utf-8") == example.read_text(encoding="utf-8")


def test_a_reader_notices_what_is_not_true(place: Elsewhere) -> None:
    for page in (
        "```sh\ntrue  # it fails\n```\n",
        "```sh\nfalse\n```\n",
        "```sh\necho one; echo two\n```\n\n```text\ntwo\none\n```\n",
        "```python\nprint()\n```\n",
    ):
        with pytest.raises(AssertionError):
            Reader(place).follow(page)
    Reader(place).follow("```sh\necho one and two\n```\n\n```text\none … two\n```\n")


def test_a_new_plugin_is_complete_and_its_tests_pass(place: Elsewhere) -> None:
    program = place.programs / "opcode"
    answer = json.loads(call(program, "plugins", "new", "fair_weather", "--json", cwd=place.folder))
    folder = place.folder / answer["folder"]
    place.install(f"{folder}[test]")
    listed = json.loads(call(program, "actions", answer["action"], "--json", cwd=place.folder))
    assert listed["plugin"] == "fair_weather"
    shown = call(place.python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", cwd=folder)
    assert re.search(r"\b1\d passed\b", shown), shown
    assert "skipped" not in shown


def new(*words: str) -> Result:
    return CliRunner().invoke(opcode, ["plugins", "new", *words])


@pytest.mark.parametrize(
    "name",
    [
        *("../up", "/etc/x", "a/b", "a.b", "..", ".", "", " ", "a b", "Dice", "9lives", "_x", "x_"),
        *("a__b", "a-b", "dïce", "a\n", "a\x1b[31m", "${x}", "{name}", "x" * 41, "a;b", "a'b"),
    ],
)
def test_a_hostile_name_is_refused_and_writes_nothing(name: str, tmp_path: Path) -> None:
    done = new("--into", str(tmp_path), "--", name)
    assert done.exit_code == 2
    assert "such as `dice`" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_built_in_is_refused(tmp_path: Path) -> None:
    done = new("shell", "--into", str(tmp_path))
    assert (done.exit_code, "belongs to opcode-action-shell" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "opcode-action-mine"
    makers: list[Callable[[], None]] = [
        target.mkdir,
        target.touch,
        lambda: target.symlink_to(tmp_path / "nowhere"),
    ]
    for make in makers:
        make()
        done = new("mine", "--into", str(tmp_path))
        assert (done.exit_code, "is there already" in done.stderr) == (1, True)
        assert list(tmp_path.rglob("*")) == [target]
        target.rmdir() if target.is_dir() else target.unlink()
    done = new("mine", "--into", str(tmp_path / "nowhere"))
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)


def test_what_to_do_next_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    done = new("mine", "--into", str(tmp_path / "a b"))
    assert done.exit_code == 0
    assert f"pip install -e '{tmp_path}/a b/opcode-action-mine[test]'" in done.stdout
    assert (tmp_path / "a b/opcode-action-mine/src/opcode_action_mine/hello.py").is_file()
