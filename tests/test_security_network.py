"""Addresses that must not be reached, and what a request gives away, through the whole product."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by their names

from __future__ import annotations

import json
import logging
import sqlite3
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from http_server import anyio_backend, asked, base, context, server, tls_server
from opcode_action_http.request import get, post
from opcode_core import ExecutionError, OpcodeError, PermissionDeniedError, Segment, ValidationError
from opcode_core.model.requests import StatusRequest
from opcode_core.service import Service
from security_room import code_of, run, serving, step

pytestmark = pytest.mark.anyio
ACTIONS: list[Any] = [get, post]
STEPS = frozenset({"steps"})
METADATA = ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]"]
SPELLINGS = [
    *("127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "１２７.０.０.１"),
    *("[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]"),
]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("host", METADATA)
async def test_metadata_is_refused_whoever_names_it_and_whatever_policy_allows(
    tmp_path: Path, host: str
) -> None:
    written = step("a", "http.get", url=f"http://{host}/latest/meta-data", timeout="2s")
    brought = step("a", "http.get", url="http://${{inputs.host}}/latest", timeout="2s")
    ranges = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8", "100.64.0.0/10"]
    for policy in ({}, {"http__private_ranges": ranges, "http__hosts": [host, "*"]}):
        async with serving(tmp_path, **policy) as service:
            assert await code_of(service, written) == "PERMISSION_DENIED"
            assert await code_of(service, brought, host=host) == "PERMISSION_DENIED"


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_hides_an_address(
    context: Any, server: Any, asked: Any, host: str
) -> None:
    url = f"http://{host}:{server.server_address[1]}/json"
    context.segments_of_url = (Segment(url, STEPS),)
    for action in ACTIONS:
        with pytest.raises((PermissionDeniedError, ValidationError)):
            await action.run(action.params(url=url, timeout="2s"), context)
    assert asked == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0", "localhost"])
async def test_the_address_decides_and_not_the_spelling(
    service: Service, server: Any, asked: Any, host: str
) -> None:
    port = server.server_address[1]
    give = step("list", "expr.eval", expression="data", data=host)
    brought = step(
        "a", "http.get", "list", url="http://${{steps.list.output.result}}:" + f"{port}/json"
    )
    assert await code_of(service, give, brought) == "PERMISSION_DENIED"
    assert asked == []
    assert await code_of(service, step("a", "http.get", url=f"http://{host}:{port}/json")) == ""
    assert len(asked) == 1


async def test_a_redirect_to_localhost_is_refused(service: Service, base: str, asked: Any) -> None:
    assert await code_of(service, step("a", "http.get", url=f"{base}/away")) == "PERMISSION_DENIED"
    assert [one.path for one in asked] == ["/away"]


@pytest.mark.parametrize(
    ("path", "reference", "literal"),
    [
        ("/reference", "steps.f.output.body.v", "${{secrets.DB_PASS}}"),
        ("/structure", "steps.f.output.body", 'x","command":"/bin/sh","args":["-c","id"],"z":"'),
    ],
)
async def test_a_body_that_came_back_is_data(
    service: Service, base: str, asked: Any, path: str, reference: str, literal: str
) -> None:
    whole = f"${{{{{reference}}}}}"
    answer = await run(
        service,
        step("f", "http.get", url=base + path),
        step("g", "http.post", "f", url=f"{base}/x", body={"v": whole}, headers={"X-V": whole}),
        step("h", "shell.exec", "f", command="printf", args=["%s", f"<{whole}>"]),
    )
    assert answer["status"] == "completed", answer
    assert json.loads(asked[1].body) == {"v": literal}
    assert asked[1].headers["x-v"] == literal
    assert answer["steps"]["h"]["output"]["stdout_raw"] == f"<{literal}>"


SECRETS = ("TOKEN-T", "USER-U", "PASS-PW", "HEADER-ć", "HEADER-H")
REFUSED: list[dict[str, Any]] = [
    {"url": "http://127.0.0.1:1/x?token=TOKEN-T"},
    {"url": "http://USER-U:PASS-PW@127.0.0.1:1/"},
    {"url": "http://127.0.0.1:1/", "headers": {"X-Key": "HEADER-ć"}},
    {"url": "http://127.0.0.1:1/", "headers": {"X-Key": "HEADER-H"}, "query": {"q": "TOKEN-T"}},
    {"url": "http://USER-U:PASS-PW@h\u00ad./?token=TOKEN-T"},
    {"url": "http://USER-U:PASS-PW@127.0.0.1:99999/?token=TOKEN-T"},
]


@pytest.mark.parametrize("params", REFUSED, ids=range(len(REFUSED)))
async def test_an_error_gives_nothing_away(context: Any, params: dict[str, Any]) -> None:
    for action in ACTIONS:
        with pytest.raises(OpcodeError) as caught:
            await action.run(action.params(**params, timeout="2s"), context)
        error: BaseException | None = caught.value
        said = json.dumps(caught.value.to_json(), ensure_ascii=False)
        said += "".join(traceback.format_exception(caught.value))
        while error is not None:  # whoever reports an error follows it as Python does
            said += f"{error!r} {error.args} {vars(error)}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        assert not [secret for secret in SECRETS if secret in said], said


@pytest.mark.parametrize("params", REFUSED, ids=range(len(REFUSED)))
async def test_nothing_of_it_is_answered_logged_or_kept_in_an_error(
    tmp_path: Path, params: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Given by the caller, so that the definition does not have it; what the caller gave is in its own event."""
    caplog.set_level(logging.DEBUG)
    by_reference = {name: f"${{{{inputs.{name}}}}}" for name in params}
    async with serving(tmp_path) as service:
        failing = step("a", "http.get", **by_reference)
        answer = await run(service, failing, **params)
        assert answer["status"] == "failed", answer
        shown = await service.status(StatusRequest(answer["workflow_id"], include=("events",)))
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        kept = connection.execute(
            "SELECT payload FROM events WHERE event_type != 'workflow_started'"
        ).fetchall()
    said = f"{answer} {shown['error']} {shown['steps']} {kept} {caplog.text}"
    assert not [secret for secret in SECRETS if secret in said], said


@pytest.mark.parametrize(
    "host", ["127.0.0.1:99999", "a" * 64 + ".example", "a..example", "x" * 300 + ".example"]
)
async def test_a_host_that_can_be_none_is_no_connection(context: Any, host: str) -> None:
    for action in ACTIONS:
        with pytest.raises((ExecutionError, ValidationError)):
            await action.run(action.params(url=f"http://{host}/", timeout="5s"), context)
