"""Methods: HEAD for whatever GET answers, and which ones a path has.

HEAD is answered by the same headers as GET without the body, which the server leaves out. Of a stream there is none:
its answer begins and does not end. The framework forgets some of a path's methods in `Allow`, when it is asked for them
and when another one is refused; here they are all said.
"""

from __future__ import annotations

from typing import Final

from litestar import Litestar
from litestar.routes import HTTPRoute

from gateway.limiting.guard import Event, Receive, Scope, Send, never_ends

_ALLOW: Final = b"allow"


class Methods:
    """Stands before `app`."""

    def __init__(self, app: Litestar) -> None:
        self._app: Final = app
        self._of: Final = {route.path_format: route.methods for route in app.routes if isinstance(route, HTTPRoute)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope
        if scope["type"] == "http" and scope["method"] == "HEAD" and not never_ends(scope["path"]):
            asked = {**scope, "method": "GET"}

        async def say(event: Event) -> None:
            if event["type"] == "http.response.start":
                event = {**event, "headers": [self._header(asked, *header) for header in event["headers"]]}
            await send(event)

        try:
            await self._app(asked, receive, say)  # type: ignore[arg-type]  # the framework spells these types in its own way
        finally:
            if "path_template" in asked:  # by which it is counted and logged
                scope["path_template"] = asked["path_template"]

    def _header(self, scope: Scope, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name != _ALLOW:
            return name, value
        methods = {*value.decode().split(", "), *self._of.get(scope.get("path_template", ""), ())}
        if "GET" in methods and not never_ends(scope["path"]):
            methods.add("HEAD")
        return name, ", ".join(sorted(methods)).encode()
