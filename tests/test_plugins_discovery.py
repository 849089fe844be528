"""Plugins that are found, and what becomes of those with a fault: the others work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import PluginRecord, Registry
from opcode_core.settings import Settings

Install = Callable[..., Path]

ACTION = """
    from opcode_core import Effect, action, hookimpl

    @action({name!r}, effect=Effect.PURE)
    def run() -> dict[str, str]:
        '''Say who ran.'''
        return {{"from": __name__}}

    @hookimpl
    def opcode_register_actions(register):
        register(run)
"""


def with_action(name: str) -> str:
    return ACTION.format(name=name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution that is nothing but metadata and one module, which leaves a mark when imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(
        distribution: str,
        name: str,
        source: str,
        *,
        module: str | None = None,
        version: str = "1.0",
    ) -> Path:
        module = module or distribution.replace("-", "_")
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[opcode]\n{name} = {module}\n")
        mark = tmp_path / f"{module}.imported"
        code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n" + dedent(source)
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.delitem(sys.modules, module, raising=False)
        return mark

    return make


def load(*allow: str, **policy: tuple[str, ...]) -> Registry:
    """Load these plugins and one that is known to work."""
    return load_plugins(Settings(plugins_allow=("crypto", *allow), **policy))  # type: ignore[arg-type] # the names are the tests' own


def record(registry: Registry, name: str, distribution: str | None = None) -> PluginRecord:
    (found,) = (
        one
        for one in registry.records
        if one.name == name and distribution in (None, one.distribution)
    )
    return found


def works(registry: Registry) -> None:
    """The plugin beside the one with a fault is there."""
    assert record(registry, "crypto", "opcode-action-crypto").status == "loaded"
    assert registry.action("crypto.uuid").name == "crypto.uuid"


def test_a_strangers_plugin_comes_in_like_a_built_in_one(install: Install) -> None:
    mark = install("opcode-action-demo", "demo", with_action("demo.run"), version="2.5")
    registry = load("demo")
    assert record(registry, "demo") == PluginRecord(
        "demo", "opcode-action-demo", "2.5", "loaded", ""
    )
    assert registry.action("demo.run").run() == {"from": "opcode_action_demo"}
    assert registry.owner_of_action("demo.run") == "demo"
    assert mark.exists()
    works(registry)


def test_a_plugin_may_bring_a_step_type_and_an_engine_which_is_made_when_first_asked_for(
    install: Install,
) -> None:
    source = """
    from opcode_core import StepType, hookimpl

    class Nothing(StepType):
        name = "nothing"

        def __init__(self, source):
            pass

        async def execute(self, step):
            return None

    @hookimpl
    def opcode_register_step_types(register):
        register(Nothing)

    made = []

    @hookimpl
    def opcode_register_expression_engines(register):
        register("demo", lambda limits: made.append(limits.seconds) or made)
    """
    install("opcode-demo", "demo", source)
    registry = load("demo")
    assert record(registry, "demo").status == "loaded"
    assert registry.step_types["nothing"].name == "nothing"
    assert "demo" in registry.engine_names()
    made: Any = sys.modules["opcode_demo"].made
    assert made == []
    first = registry.engine("demo")
    assert first is not None
    assert registry.engine("demo") is first
    assert made == [1.0]  # the limits it was made with
    assert registry.engine("nosuch") is None


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise BaseException('odd')", "BaseException: odd"),
        (
            """
            from opcode_core import hookimpl

            @hookimpl
            def opcode_register_action(register):
                pass
            """,
            "opcode_register_action",
        ),
        (
            """
            from opcode_core import hookimpl

            @hookimpl
            def opcode_register_actions(registrar):
                pass
            """,
            "registrar",
        ),
        (
            """
            from opcode_core import hookimpl

            @hookimpl
            def opcode_register_actions(register):
                raise ValueError("while registering")
            """,
            "ValueError: while registering",
        ),
        (
            """
            from opcode_core import hookimpl

            @hookimpl
            def opcode_register_actions(register):
                register(len)
            """,
            "Error",
        ),
    ],
    ids=[
        "raises",
        "import",
        "syntax",
        "exit",
        "base",
        "misspelt",
        "argument",
        "hook",
        "no action",
    ],
)
def test_a_plugin_with_a_fault_is_left_out_and_recorded_and_the_others_work(
    install: Install, source: str, says: str
) -> None:
    install("opcode-broken", "broken", dedent(source))
    install("opcode-action-demo", "demo", with_action("demo.run"))
    registry = load("broken", "demo")
    failed = record(registry, "broken")
    assert failed.status == "failed"
    assert says in failed.reason
    assert record(registry, "demo").status == "loaded"
    assert registry.action("demo.run").run() == {"from": "opcode_action_demo"}
    works(registry)


def test_an_entry_point_to_nothing_is_left_out(install: Install) -> None:
    install("opcode-broken", "broken", "", module="opcode_broken")
    install("opcode-lost", "lost", "", module="opcode_lost.inner")
    registry = load("broken", "lost")
    assert record(registry, "lost").status == "failed"
    works(registry)


def test_a_fault_after_a_registration_takes_the_registration_with_it(install: Install) -> None:
    source = with_action("broken.run") + "        raise ValueError('too late')\n"
    install("opcode-broken", "broken", source)
    registry = load("broken")
    assert record(registry, "broken").status == "failed"
    assert "broken.run" not in registry.actions
    works(registry)


def test_a_failed_plugin_is_named_when_its_action_is_asked_for(install: Install) -> None:
    install("opcode-broken", "broken", "raise RuntimeError('no such luck')")
    registry = load("broken")
    with pytest.raises(Exception, match="provided by plugin `broken`, which could not be loaded"):
        registry.action("broken.run")


def test_one_distribution_that_is_found_twice_counts_once(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("opcode-action-demo", "demo", with_action("demo.run"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert record(load("demo"), "demo").status == "loaded"


def test_an_action_that_is_taken_refuses_the_whole_plugin(install: Install) -> None:
    taken = "crypto.hash"
    source = with_action(taken) + "        register(other)\n"
    source = source.replace(
        "    @hookimpl",
        "    @action('thief.own', effect=Effect.PURE)\n    def other():\n        '''Its own.'''\n\n    @hookimpl",
    )
    install("aaa-thief", "aaa", source)
    registry = load("aaa")
    refused = record(registry, "aaa")
    assert refused.status == "refused"
    assert (
        refused.reason == f"action `{taken}` of plugin `aaa` is already provided by plugin `crypto`"
    )
    assert "thief.own" not in registry.actions
    assert registry.owner_of_action(taken) == "crypto"
    works(registry)


def test_a_plugin_that_registers_a_name_twice_is_refused(install: Install) -> None:
    install("opcode-twice", "twice", with_action("twice.run") + "        register(run)\n")
    assert record(load("twice"), "twice").status == "refused"


def test_a_step_type_and_an_engine_that_are_taken_are_refused(install: Install) -> None:
    source = """
    from opcode_core import StepType, hookimpl

    class Thief(StepType):
        name = "action"

        def __init__(self, source):
            pass

        async def execute(self, step):
            return None

    @hookimpl
    def opcode_register_step_types(register):
        register(Thief)
    """
    install("aaa-thief", "aaa", source)
    engine = """
    from opcode_core import hookimpl

    @hookimpl
    def opcode_register_expression_engines(register):
        register("cel", lambda limits: None)
    """
    install("aab-thief", "aab", engine)
    registry = load("aaa", "aab", "steps", "cel")
    assert "step type `action`" in record(registry, "aaa").reason
    assert "expression engine `cel`" in record(registry, "aab").reason
    assert registry.step_types["action"].__module__.startswith("opcode_steps")
    works(registry)
