"""A gateway at an address that stays, whatever becomes of its process, and a few things to do behind it."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.clients.stand import Gateway, Stand
from tests.support.ports import own_port


class Site:
    def __init__(self, stand: Stand) -> None:
        self.stand: Final = stand
        self.port: Final = own_port()
        self.url: Final = f"http://127.0.0.1:{self.port}"
        self._gateway: Gateway | None = None

    def start(self) -> None:
        self._gateway = Gateway(self.stand.folder, self.port)

    def kill(self) -> None:
        """At once, without a word."""
        if self._gateway is not None:
            self._gateway.kill()

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
