"""Fault tests say how long service was away. The figures stand in the summary of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

Measured: TypeAlias = Callable[[str, float], None]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Call it with what was measured, and how many seconds it was."""

    def note(what: str, seconds: float) -> None:
        request.node.user_properties.append((what, f"{seconds:.2f} s"))

    return note
