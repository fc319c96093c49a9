"""A port that a test was given is nobody else's, and it can listen there."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Final
from unittest.mock import patch

import pytest

from events.nats import server as server_module
from events.nats.server import ServerFailed
from tests.support.ports import own_port

LOOKS: Final = """
import sys
from events.nats import server
server.PORTS = range(int(sys.argv[1]), int(sys.argv[1]) + 1)
print(server.free_port())
"""


def test_each_is_given_once() -> None:
    """Not even when no other is left."""
    first = own_port(following=3)
    with patch.object(server_module, "PORTS", range(first, first + 4)), pytest.raises((ServerFailed, AssertionError)):
        own_port()
    given = {own_port() for _ in range(20)}
    assert len(given) == 20
    assert given.isdisjoint(range(first, first + 4))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets another listen where a socket is kept")
def test_other_processes_find_it_taken() -> None:
    """Before anybody listens there, and after; and whoever it is for can listen."""
    number = own_port()
    assert "no port is free" in looked_at(number)
    with socket.create_server(("127.0.0.1", number)):
        assert "no port is free" in looked_at(number)
    assert "no port is free" in looked_at(number)


def looked_at(number: int) -> str:
    """What another process says that wants a port, and would take only this one."""
    looked = subprocess.run([sys.executable, "-c", LOOKS, str(number)], capture_output=True, text=True, check=False)
    return looked.stdout + looked.stderr
