"""Settings of the tests: repeatable examples where a run must be, and which tests are run on one Python only."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("repeatable")

ONCE = frozenset(
    {
        *("test_authors_road", "test_cli_upkeep", "test_crash_points", "test_engine_machine"),
        *("test_engine_simulation", "test_fuzz_parsers", "test_jobs_crash", "test_power_loss"),
        *("test_relay_commands", "test_relay_hostile", "test_relay_takeover", "test_runaways"),
        *("test_security_callers", "test_security_data", "test_security_expressions"),
        *("test_security_network", "test_security_processes", "test_security_text"),
        *("test_store_faults", "test_store_scale", "test_third_party_plugin"),
    }
)
"""Modules that take long and prove what no version of Python changes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of these modules, so that `-m "not once"` leaves them out."""
    for item in items:
        if item.path.stem in ONCE:
            item.add_marker(pytest.mark.once)
