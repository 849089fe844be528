"""What `opcode doctor` says of a machine that cannot do it all: every layer that is not active is named."""

from __future__ import annotations

import pytest
from opcode_action_shell import checkup
from opcode_action_shell.launch import Machine, NotStartedError
from opcode_core import Finding

EVERYTHING = Machine(landlock=7, namespaces=True, proc=True, processes=True, network=True)


def found(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, **settings: object
) -> dict[str, Finding]:
    async def look() -> Machine:
        return machine

    monkeypatch.setattr(checkup, "_look", look)
    named = {f"shell.{name}": value for name, value in settings.items()}
    return {one.topic: one for one in checkup.check_isolation(named.get)}


def test_what_the_kernel_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = found(monkeypatch, Machine(why="not permitted here"))
    assert (bare["namespaces"].state, bare["landlock"].state) == ("off", "off")
    assert "not permitted here" in bare["namespaces"].text
    assert "cannot be cut off here" in bare["network"].text
    assert bare["number of processes"].state == "off"
    assert "fork bomb" in bare["number of processes"].text


def test_what_it_can_do_is_called_active_only_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(monkeypatch, EVERYTHING)
    active = ("namespaces", "landlock", "number of processes", "limits")
    assert {whole[topic].state for topic in active} == {"ok"}
    off = found(monkeypatch, EVERYTHING, sandbox="off")
    for topic in ("namespaces", "landlock"):
        assert (off[topic].state, off[topic].text) == ("off", "switched off")
    assert found(monkeypatch, EVERYTHING, network=False)["network"].state == "ok"


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"sandbox": "require:landlock"}, "OPCODE_SANDBOX=require:landlock"),
        ({"sandbox": "require:namespaces"}, "OPCODE_SANDBOX=require:namespaces"),
        ({"network": False}, "shell.network = false"),
    ],
)
def test_what_is_required_and_not_there_is_broken(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], rule: str
) -> None:
    shown = found(monkeypatch, Machine(why="not permitted here"), **settings)["isolation"]
    assert shown.state == "broken"
    assert rule in shown.text
    assert "nothing was run" in shown.text


def test_a_machine_that_starts_no_command_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> Machine:
        raise NotStartedError("no processes left")

    monkeypatch.setattr(checkup, "_look", look)
    (shown,) = checkup.check_isolation(lambda _: None)
    assert (shown.topic, shown.state) == ("commands", "broken")
    assert "no processes left" in shown.text
