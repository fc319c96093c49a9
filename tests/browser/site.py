"""A gateway at an address that stays, whatever becomes of its process, and a few things to do behind it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

import httpx

from events.nats.server import free_port
from tests.clients.stand import ENDS_WITHIN_S, GATEWAY, Stand
from tests.support.stack import environment


class Site:
    def __init__(self, stand: Stand) -> None:
        self.stand: Final = stand
        self.port: Final = free_port()
        self.url: Final = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "tidegate", "gateway", "--port", str(self.port), "--json", *GATEWAY]
        self._process = subprocess.Popen(
            words, cwd=self.stand.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "it ended"
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get(f"{self.url}/livez").is_success

    def kill(self) -> None:
        """At once, without a word."""
        assert self._process is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait(ENDS_WITHIN_S)
        self._process.stdout.close()

    # What happens behind it, through the stack's own gateway

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.request(method, f"{self.stand.url}/v1/demo{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def owner(self, method: str, path: str, body: Any = None) -> Any:
        return self.ask(method, path, body, self.stand.key)

    def visitor(self) -> str:
        token: str = self.ask("POST", "/sessions")["token"]
        return token
