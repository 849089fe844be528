"""Settings from the environment and from opcode.toml."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest
from opcode_core.settings import KNOWN, Limits, Settings, SettingsError, load_settings
from opcode_core.settings.known import LIMITS


def settings(folder: Path, toml: str | None = None, **environment: str) -> Settings:
    """Settings read with the given file beside the database."""
    if toml is not None:
        (folder / "opcode.toml").write_text(toml, encoding="utf-8")
    return load_settings({"OPCODE_DB_PATH": str(folder / "o.db"), **environment})


def refusal(folder: Path, toml: str | None = None, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(folder, toml, **environment)
    return str(caught.value)


def test_without_anything_there_are_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}) == Settings(db_path=tmp_path / "opcode.db")
    assert Settings().plugins_allow is None


def test_the_environment_of_the_process_is_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPCODE_DB_PATH", str(tmp_path / "other.db"))
    monkeypatch.delenv("OPCODE_CONFIG", raising=False)
    assert load_settings().db_path == tmp_path / "other.db"


def test_every_variable(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        OPCODE_POOL_SIZE="3",
        OPCODE_LOG_LEVEL="warn",
        OPCODE_DURABILITY="normal",
        OPCODE_TOOL_NAMES="underscore",
        OPCODE_SANDBOX="require:landlock",
        OPCODE_DISABLED_PLUGINS=" shell, fs ,,",
        OPCODE_FS_ROOTS=os.pathsep.join([str(tmp_path), "", "relative"]),
    )
    assert found == Settings(
        db_path=tmp_path / "o.db",
        pool_size=3,
        log_level="warn",
        durability="normal",
        tool_names="underscore",
        plugins_disable=("shell", "fs"),
        values={
            "fs.roots": [str(tmp_path), str(Path("relative").absolute())],
            "shell.sandbox": "require:landlock",
        },
    )


@pytest.mark.parametrize(
    "name", ["OPCODE_POOL_SIZE", "OPCODE_LOG_LEVEL", "OPCODE_DURABILITY", "OPCODE_DISABLED_PLUGINS"]
)
def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, name: str) -> None:
    assert settings(tmp_path, **{name: ""}) == settings(tmp_path)


@pytest.mark.parametrize("text", ["0", "-1", "1001", "ten", "1.5", "٣", "+5", " 5", "9" * 5000])
def test_a_pool_size_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, OPCODE_POOL_SIZE=text)
    assert message.startswith("OPCODE_POOL_SIZE is ")
    assert "from 1 to 1000" in message


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("OPCODE_LOG_LEVEL", "warnn", "did you mean `warn`?"),
        ("OPCODE_LOG_LEVEL", "INFO", "did you mean `info`?"),
        ("OPCODE_DURABILITY", "ful", "did you mean `full`?"),
        ("OPCODE_TOOL_NAMES", "dots", "auto, dotted, underscore"),
        ("OPCODE_SANDBOX", "require:landlok", "did you mean `require:landlock`?"),
    ],
)
def test_a_choice_that_is_none_is_refused_with_a_hint(
    tmp_path: Path, name: str, value: str, hint: str
) -> None:
    message = refusal(tmp_path, **{name: value})
    assert name in message
    assert hint in message


def test_the_file(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [plugins]
        allow = ["steps", "opcode-action-crypto"]
        disable = ["shell"]
        [actions]
        deny = ["fs.*", "http.post"]
        [fs]
        roots = ["/srv"]
        [shell]
        allow_command_references = true
        """,
    )
    assert found.file == tmp_path / "opcode.toml"
    assert found.plugins_allow == ("steps", "opcode-action-crypto")
    assert found.plugins_disable == ("shell",)
    assert found.actions_deny == ("fs.*", "http.post")
    assert found.values == {"fs.roots": ["/srv"], "shell.allow_command_references": True}


def test_an_empty_list_of_allowed_plugins_allows_none(tmp_path: Path) -> None:
    assert settings(tmp_path, "plugins.allow = []").plugins_allow == ()


def test_a_file_named_by_the_environment_is_read_instead_of_the_one_beside_the_database(
    tmp_path: Path,
) -> None:
    other = tmp_path / "elsewhere.toml"
    other.write_text('plugins.disable = ["http"]', encoding="utf-8")
    found = settings(tmp_path, 'plugins.disable = ["fs"]', OPCODE_CONFIG=str(other))
    assert found.plugins_disable == ("http",)


@pytest.mark.parametrize("path", ["missing.toml", "no/such/folder/opcode.toml"])
def test_a_named_file_that_is_missing_is_refused(tmp_path: Path, path: str) -> None:
    message = refusal(tmp_path, OPCODE_CONFIG=str(tmp_path / path))
    assert "OPCODE_CONFIG names" in message
    assert "no such file" in message


def test_a_named_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path, OPCODE_CONFIG=str(tmp_path))


def test_what_file_and_environment_disable_adds_up(tmp_path: Path) -> None:
    found = settings(
        tmp_path, 'plugins.disable = ["shell", "http"]', OPCODE_DISABLED_PLUGINS="fs,shell"
    )
    assert found.plugins_disable == ("shell", "http", "fs")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    found = settings(tmp_path, 'fs.roots = ["/srv"]', OPCODE_FS_ROOTS=str(tmp_path))
    assert found.values["fs.roots"] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("toml", "where", "hint"),
    [
        ("[plugins]\ndisabled = []", "/plugins/disabled", "did you mean `plugins.disable`?"),
        ("[action]\ndeny = []", "/action/deny", "did you mean `actions.deny`?"),
        ("[fs]\nroot = []", "/fs/root", "did you mean `fs.roots`?"),
        ("pool_size = 5", "/pool_size", "no such setting"),
        ("[limit]", "/limit", "no such setting"),
        ("limits.step = 5", "/limits/step", "did you mean `limits.steps`?"),
        ('[a."b/c"]\nd = 1', "/a/b~1c/d", "no such setting"),
    ],
)
def test_an_unknown_setting_is_refused_with_its_place_and_a_hint(
    tmp_path: Path, toml: str, where: str, hint: str
) -> None:
    message = refusal(tmp_path, toml)
    assert f"{tmp_path / 'opcode.toml'} {where}:" in message
    assert hint in message


@pytest.mark.parametrize(
    ("toml", "where"),
    [
        ('plugins.allow = "shell"', "/plugins/allow"),
        ("plugins.allow = true", "/plugins/allow"),
        ("plugins.disable = [1]", "/plugins/disable"),
        ('plugins.disable = [""]', "/plugins/disable"),
        ('actions.deny = "shell.*"', "/actions/deny"),
        ("actions.deny = [[]]", "/actions/deny"),
        ('plugins = ["shell"]', "/plugins"),
        ("fs.roots = 5", "/fs/roots"),
        ('shell.allow_command_references = "yes"', "/shell/allow_command_references"),
        ('actions.allow = "x"', "/actions/allow"),
        ('shell.sandbox = "on"', "/shell/sandbox"),
        ("shell.sandbox = []", "/shell/sandbox"),
        ("shell.max_processes = 1", "/shell/max_processes"),
        ("shell.max_memory_bytes = 1e9", "/shell/max_memory_bytes"),
        ('http.private_ranges = ["10.1.2.3/8"]', "/http/private_ranges"),
        ('http.private_ranges = ["nowhere"]', "/http/private_ranges"),
        ("limits.steps = 0", "/limits/steps"),
        ("limits.steps = true", "/limits/steps"),
        ("limits.steps = 100001", "/limits/steps"),
        ('limits.events = "many"', "/limits/events"),
        ("breaker.failures = -1", "/breaker/failures"),
        ("breaker.seconds = nan", "/breaker/seconds"),
        ('retention = "soon"', "/retention"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(
    tmp_path: Path, toml: str, where: str
) -> None:
    assert f" {where}:" in refusal(tmp_path, toml)


@pytest.mark.parametrize("toml", ['"plugins.disable" = ["shell"]', '"actions.deny" = ["shell.*"]'])
def test_a_policy_written_with_a_quoted_dotted_key_is_not_silently_ignored(
    tmp_path: Path, toml: str
) -> None:
    try:
        found = settings(tmp_path, toml)
    except SettingsError:
        return
    assert (found.plugins_disable, found.actions_deny) != ((), ())


@pytest.mark.parametrize("text", ["plugins = [", "a = 1\na = 2\n", "\n= 3"])
def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, text)
    assert "is no TOML" in message
    assert "(at " in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "opcode.toml").write_bytes(b"\xff\xfe")
    assert "cannot be read" in refusal(tmp_path)


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    found: Any = settings(tmp_path)
    with pytest.raises(AttributeError):
        found.pool_size = 5


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    toml = "[shell]\nnetwork = 1\n[limits]\nsteps = 0\nstep = 1\n"
    message = refusal(tmp_path, toml, OPCODE_POOL_SIZE="x", OPCODE_SANDBOX="on")
    places = [
        "/shell/network",
        "/limits/steps",
        "/limits/step",
        "OPCODE_SANDBOX",
        "OPCODE_POOL_SIZE",
    ]
    lines = message.split("\n")
    assert len(lines) == len(places)
    assert all(place in line for place, line in zip(places, lines, strict=True))


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, f'shell.network = "{"x" * 5000}"')) < 500


def test_empty_tables_of_known_settings_are_nothing(tmp_path: Path) -> None:
    assert settings(tmp_path, "[limits]\n[fs]\n").limits == Limits()


def test_limits_are_read_and_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    found = settings(tmp_path, "[limits]\nsteps = 5\nevents = 200\n")
    assert found.limits == Limits(steps=5, events=200)


def test_every_limit_is_a_setting_whose_range_holds_its_default() -> None:
    fields = dataclasses.fields(Limits)
    assert {f"limits.{field.name}" for field in fields} == set(LIMITS)
    for field in fields:
        assert LIMITS[f"limits.{field.name}"].accepts(field.default)


def test_the_reference_names_every_setting_and_no_other() -> None:
    text = (Path(__file__).parents[1] / "docs" / "reference" / "settings.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE))
    assert rows == set(KNOWN)
    for field in dataclasses.fields(Limits):
        (row,) = re.findall(rf"^\| `limits\.{field.name}` \| `([^`]*)`", text, re.MULTILINE)
        assert row == str(field.default)
