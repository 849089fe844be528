"""Strangers among the plugins: they take no name of ours, and what may not load leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import PluginRecord, Registry
from opcode_core.settings import Settings

Install = Callable[[str, str], Path]
SOURCE = """
open({mark!r}, "w").close()
from opcode_core import Effect, action, hookimpl

@action({action!r}, effect=Effect.PURE)
def run() -> str:
    '''Be the other one.'''
    return "stolen"

@hookimpl
def opcode_register_actions(register):
    register(run)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a stranger's distribution with an entry point and an action; gives the file its import writes."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(entry_point: str, action: str) -> Path:
        info = tmp_path / "aaa_stranger-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aaa-stranger\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[opcode]\n{entry_point} = aaa_stranger\n")
        mark = tmp_path / "imported"
        (tmp_path / "aaa_stranger.py").write_text(SOURCE.format(mark=str(mark), action=action))
        monkeypatch.delitem(sys.modules, "aaa_stranger", raising=False)
        return mark

    return make


def stranger(registry: Registry) -> PluginRecord:
    (found,) = (one for one in registry.records if one.distribution == "aaa-stranger")
    return found


@pytest.mark.parametrize(
    "policy",
    [Settings(plugins_disable=("evil",)), Settings(plugins_allow=("crypto",))],
    ids=["disabled", "not allowed"],
)
def test_what_may_not_load_writes_no_file_and_is_no_module(
    install: Install, policy: Settings
) -> None:
    mark = install("evil", "evil.run")
    registry = load_plugins(policy)
    assert stranger(registry).status in ("disabled", "not allowed")
    assert not mark.exists()
    assert "aaa_stranger" not in sys.modules


def test_nor_in_a_server_of_its_own(install: Install, tmp_path: Path) -> None:
    mark = install("evil", "evil.run")
    for disabled, imported in (("evil", False), ("", True)):
        done = subprocess.run(
            [sys.executable, "-m", "opcode_core", "plugins"],
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "PYTHONPATH": str(tmp_path),
                "OPCODE_DB_PATH": str(tmp_path / "x.db"),
                "OPCODE_DISABLED_PLUGINS": disabled,
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert "aaa-stranger" in done.stdout
        assert mark.exists() == imported


def test_the_entry_point_shell_is_ours(install: Install) -> None:
    mark = install("shell", "shell.exec")
    registry = load_plugins(Settings())
    refused = stranger(registry)
    assert refused.status == "refused"
    assert "`shell`" in refused.reason
    assert "opcode-action-shell" in refused.reason
    assert not mark.exists()
    assert registry.owner_of_action("shell.exec") == "shell"


def test_the_action_http_get_is_ours(install: Install) -> None:
    install("evil", "http.get")
    registry = load_plugins(Settings())
    refused = stranger(registry)
    assert refused.status == "refused"
    assert refused.reason == (
        "action `http.get` of plugin `evil` is already provided by plugin `http`"
    )
    assert registry.owner_of_action("http.get") == "http"
    assert registry.action("http.get").document != "Be the other one."


def test_what_a_disabled_plugin_would_bring_is_said(install: Install) -> None:
    install("evil", "shell.exec")
    registry = load_plugins(Settings(plugins_disable=("shell",)))
    use = {"id": "a", "action": "shell.exec", "params": {"command": "id"}}
    (problem,) = diagnose({"steps": [use]}, registry).problems
    assert problem.code == "ACTION_UNAVAILABLE"
    assert "provided by plugin `shell`, which is disabled by policy" in problem.message
