"""Tests of the runtime run in virtual time: what waits costs nothing, and each run is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.simulation.loop import VirtualLoop


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """A loop in virtual time. Whatever a callback or a forgotten task raised fails the test."""
    loops: list[VirtualLoop] = []

    def new_loop() -> VirtualLoop:
        loops.append(VirtualLoop())
        return loops[-1]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        yield runner
    troubles = [context for loop in loops for _, context in loop.timeline.troubles]
    assert not troubles, troubles


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What was logged, as records."""
    with capture_logs() as records:
        yield records
