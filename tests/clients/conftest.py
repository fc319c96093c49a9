"""One stack for all tests of clients: starting one takes longer than any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.javascript import node_here
from tests.clients.stand import Stand, standing


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("stand")) as found:
        yield found


@pytest.fixture(scope="session")
def node() -> str:
    """Where Node is, with the JavaScript client's packages for development."""
    return node_here()
