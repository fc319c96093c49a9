"""Writing an answer by ASGI alone, where the framework is not asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

import msgspec

from gateway.problems import Problem

Header: TypeAlias = tuple[bytes, bytes]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WHOLE: Final = "tidegate.answer"
"""An answer in one message, status, headers and body: an extension of ASGI that our own port takes, and says so in
`scope["extensions"]`. It is a tenth of what it costs to answer. Its headers are not those of the connection, nor the
body's length."""
JSON: Final[Header] = (b"content-type", b"application/json")
TOLD_ONCE: Final[Header] = (b"cache-control", b"no-store")
"""Beside something that opens: nobody on the way keeps it."""
PROBLEM: Final[Header] = (b"content-type", b"application/problem+json")


async def answer(scope: Mapping[str, Any], send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    """In one, where that is taken."""
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": [*headers], "body": body})
    else:
        await write(send, status, headers, body)


async def write(send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    said = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": body})


async def write_problem(send: Send, problem: Problem, headers: Iterable[Header] = ()) -> None:
    of_it = ((name.lower().encode(), value.encode()) for name, value in problem.said_in_headers.items())
    await write(send, problem.status, [PROBLEM, *headers, *of_it], msgspec.json.encode(problem.told))
