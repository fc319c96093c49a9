"""Tests of one group share what is slow to begin, so one worker has all of them."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.xdist_group("grouped")


def test_workers_know_of_groups(request: pytest.FixtureRequest) -> None:
    """A pytest that does not fit to pytest-xdist spreads them over all workers, and nobody says so."""
    if "PYTEST_XDIST_WORKER" not in os.environ or not request.config.getvalue("loadgroup"):
        pytest.skip("there are no workers that would share them out by group")
    assert request.node.nodeid.endswith("@grouped")
