"""Policy: what may load, what may be used, and how a refusal names its rule."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from opcode_core.errors import ActionUnavailableError
from opcode_core.model.requests import DefineRequest, QueryRequest, RunRequest
from opcode_core.opening import open_service
from opcode_core.plan.compile import diagnose
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import PluginRecord, Registry
from opcode_core.settings import Settings, load_settings

Install = Callable[..., Path]

ACTION = """
from opcode_core import Effect, action, hookimpl

@action({name!r}, effect=Effect.PURE)
def run() -> None:
    '''Do nothing.'''

@hookimpl
def opcode_register_actions(register):
    register(run)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a plugin of a name, of a distribution of a name, with an action; gives the mark its import leaves."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, distribution: str, action: str | None = None) -> Path:
        module = f"policy_demo_{distribution}".replace("-", "_").replace(".", "_")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[opcode]\n{name} = {module}\n")
        mark = tmp_path / f"{module}.imported"
        source = ACTION.format(name=action or f"{name}.run")
        (tmp_path / f"{module}.py").write_text(f"open({str(mark)!r}, 'w').close()\n{source}")
        monkeypatch.delitem(sys.modules, module, raising=False)
        return mark

    return make


def status(registry: Registry, name: str) -> str:
    (found,) = (one.status for one in registry.records if one.name == name)
    return found


@pytest.mark.parametrize(
    ("allow", "disable", "expected"),
    [
        (None, ("demo",), "disabled"),
        (None, ("opcode-demo",), "disabled"),
        (None, ("de*",), "disabled"),
        (("crypto",), (), "not allowed"),
        ((), (), "not allowed"),
        (("demo",), ("demo",), "disabled"),
        (("demo",), (), "loaded"),
        (("opcode-demo",), (), "loaded"),
        (("crypto", "d?mo"), ("shell",), "loaded"),
    ],
)
def test_what_policy_does_not_let_load_is_never_imported(
    install: Install,
    allow: tuple[str, ...] | None,
    disable: tuple[str, ...],
    expected: str,
) -> None:
    mark = install("demo", "opcode-demo")
    others = ("assert", "cel", "crypto", "fs", "http", "shell", "steps", "workflow")
    hidden = others if allow is None else ()
    registry = load_plugins(Settings(plugins_allow=allow, plugins_disable=(*disable, *hidden)))
    assert status(registry, "demo") == expected
    assert mark.exists() == (expected == "loaded")
    assert ("policy_demo_opcode_demo" in sys.modules) == (expected == "loaded")


def test_each_refusal_names_its_rule(install: Install) -> None:
    install("demo", "opcode-demo")
    install("other", "opcode-other")
    registry = load_plugins(Settings(plugins_allow=("demo", "crypto"), plugins_disable=("demo",)))
    reasons = {one.name: one.reason for one in registry.records}
    assert reasons["demo"] == "by policy: plugins.disable names it"
    assert reasons["other"] == "by policy: plugins.allow does not name it"
    with pytest.raises(ActionUnavailableError) as caught:
        registry.action("demo.run")
    assert caught.value.message.endswith(
        "is provided by plugin `demo`, which is disabled by policy (rule: plugins.disable)"
    )
    with pytest.raises(
        ActionUnavailableError, match=r"which is not allowed by policy \(rule: plugins.allow\)"
    ):
        registry.action("other.run")


def record(registry: Registry, distribution: str) -> PluginRecord:
    (found,) = (one for one in registry.records if one.distribution == distribution)
    return found


def test_two_distributions_that_claim_one_name(install: Install) -> None:
    install("demo", "opcode-a", "demo.a")
    mark = install("demo", "opcode-b", "demo.b")
    registry = load_plugins(Settings(plugins_allow=("demo", "crypto")))
    assert record(registry, "opcode-a").status == "loaded"
    refused = record(registry, "opcode-b")
    assert (refused.status, refused.reason) == (
        "refused",
        "the name `demo` is already taken by opcode-a",
    )
    assert not mark.exists()
    assert {"demo.a", "crypto.uuid"} <= set(registry.actions)
    assert "demo.b" not in registry.actions


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("shell", "opcode-action-shell"),
        ("jq", "opcode-expr-jq"),
        ("crypto", "opcode-action-crypto"),
    ],
)
def test_nobody_may_pose_as_a_built_in_plugin_installed_or_not(
    install: Install, name: str, owner: str
) -> None:
    mark = install(name, "aaa-thief", f"{name}.exec")
    registry = load_plugins(Settings(plugins_allow=(name, "crypto")))
    refused = record(registry, "aaa-thief")
    assert (refused.status, refused.reason) == ("refused", f"the name `{name}` belongs to {owner}")
    assert not mark.exists()
    assert "policy_demo_aaa_thief" not in sys.modules
    assert registry.owner_of_action("crypto.uuid") == "crypto"


def test_a_distributions_name_may_be_written_in_any_way(install: Install) -> None:
    """Packaging takes `-`, `_`, `.` and both cases for the same, and policy must too."""
    mark = install("demo", "Opcode_Demo.Extra")
    registry = load_plugins(Settings(plugins_disable=("opcode-demo-extra", "cel", "fs", "http")))
    assert status(registry, "demo") == "disabled"
    assert not mark.exists()


@pytest.mark.parametrize("disabled", ["http", "opcode-action-http", "ht*"])
def test_a_disabled_built_ins_action_is_nobody_elses(install: Install, disabled: str) -> None:
    install("aaa", "aaa-thief", "http.get")
    policy = Settings(plugins_allow=("aaa", "http", "crypto"), plugins_disable=(disabled,))
    registry = load_plugins(policy)
    assert status(registry, "http") == "disabled"
    with pytest.raises(ActionUnavailableError) as caught:
        registry.action("http.get")
    assert "provided by plugin `http`, which is disabled by policy" in caught.value.message


def test_a_definition_is_told_which_plugin_would_bring_its_action(
    tmp_path: Path,
) -> None:
    environment = {"OPCODE_DB_PATH": str(tmp_path / "o.db"), "OPCODE_DISABLED_PLUGINS": "shell"}
    registry = load_plugins(load_settings(environment))
    step = {"id": "a", "action": "shell.exec", "params": {"command": "true"}}
    (problem,) = diagnose({"steps": [step]}, registry).problems
    assert (problem.path, problem.code) == ("/steps/0/action", "ACTION_UNAVAILABLE")
    assert "provided by plugin `shell`, which is disabled by policy" in problem.message
    assert problem.fix is None


def test_a_disabled_plugin_stays_away_whoever_asks(tmp_path: Path) -> None:
    (tmp_path / "opcode.toml").write_text('plugins.disable = ["crypto"]')
    environment = {"OPCODE_DB_PATH": str(tmp_path / "o.db"), "OPCODE_DISABLED_PLUGINS": "cel"}
    registry = load_plugins(load_settings(environment))
    assert (status(registry, "crypto"), status(registry, "cel")) == ("disabled", "disabled")
    assert registry.engine("cel") is None
    assert not any(name.startswith("crypto.") for name in registry.actions)


def denying(*patterns: str) -> Registry:
    allow = ("steps", "crypto", "workflow")
    return load_plugins(Settings(plugins_allow=allow, actions_deny=patterns))


@pytest.mark.parametrize(
    ("pattern", "denied", "usable"),
    [
        ("crypto.*", "crypto.hash", "workflow.log"),
        ("crypto.uuid", "crypto.uuid", "crypto.hash"),
        ("*.h*", "crypto.hmac", "crypto.uuid"),
        ("shell.*", "shell.exec", "crypto.uuid"),
    ],
)
def test_a_denied_action_cannot_be_used(pattern: str, denied: str, usable: str) -> None:
    registry = denying(pattern)
    with pytest.raises(ActionUnavailableError) as caught:
        registry.action(denied)
    assert caught.value.message == (
        f"action `{denied}` is denied by policy: actions.deny has `{pattern}`"
    )
    assert registry.action(usable).name == usable
    assert denied not in registry.usable_actions()
    (problem,) = diagnose({"steps": [{"id": "a", "action": denied}]}, registry).problems
    assert problem.message == caught.value.message


def test_a_denied_action_is_never_suggested() -> None:
    registry = denying("crypto.hash")
    (problem,) = diagnose({"steps": [{"id": "a", "action": "crypto.hahs"}]}, registry).problems
    assert "crypto.hash`" not in problem.message


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_template_whose_action_was_denied_since_does_not_run(tmp_path: Path) -> None:
    settings = Settings(db_path=tmp_path / "o.db", durability="normal")
    definition = {"steps": [{"id": "a", "action": "crypto.uuid"}]}
    async with open_service(settings, registry=denying()) as service:
        await service.define(DefineRequest("t", definition, "agent"))
    async with open_service(settings, registry=denying("crypto.*")) as service:
        with pytest.raises(ActionUnavailableError, match=r"`crypto\.\*`"):
            await service.run(RunRequest("t", "agent"))
        listed = await service.query(QueryRequest("actions"))
        assert not any(row["name"].startswith("crypto.") for row in listed["actions"])
        assert (await service.query(QueryRequest("workflows")))["workflows"] == []


def test_an_action_of_a_family_that_is_not_installed_says_how_to_get_it() -> None:
    registry = Registry()
    with pytest.raises(ActionUnavailableError) as caught:
        registry.action("shell.exec")
    assert caught.value.message == (
        "action `shell.exec` is not installed: the package `opcode-action-shell` brings it "
        "(pip install opcode-action-shell)"
    )
    with pytest.raises(ActionUnavailableError, match=r"there is no action `dice\.roll`"):
        registry.action("dice.roll")


@pytest.mark.parametrize(
    ("allow", "deny", "rule"),
    [
        (None, (), None),
        (("crypto.*", "fs.read"), (), None),
        (("crypto.*",), ("crypto.uuid",), "actions.deny has `crypto.uuid`"),
        (("fs.*",), (), "actions.allow does not name it"),
        ((), (), "actions.allow does not name it"),
    ],
)
def test_only_allowed_actions_are_used(
    allow: tuple[str, ...] | None, deny: tuple[str, ...], rule: str | None
) -> None:
    settings = Settings(actions_allow=allow, actions_deny=deny, plugins_allow=("crypto",))
    registry = load_plugins(settings)
    assert registry.denied_by("crypto.uuid") == rule
    assert ("crypto.uuid" in registry.usable_actions()) == (rule is None)
    if rule is not None:
        with pytest.raises(ActionUnavailableError) as caught:
            registry.action("crypto.uuid")
        assert caught.value.message == f"action `crypto.uuid` is denied by policy: {rule}"
