"""The table of permissions, as people read it: `python -m gateway.http.permissions > docs/permissions.md`.

It is written from what is asked when a request comes: roles and permissions from `events.permissions`, and what each
route, topic and command takes from where it is declared. A test compares it with what lies in `docs/`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from litestar.handlers import HTTPRouteHandler

from events.permissions import PERMISSIONS, PERMITTED, STANDINGS, Permission, Standing, permission_named
from gateway.http import operating
from gateway.http.app import ROUTES
from gateway.http.front import NEEDS
from gateway.streams.commands import COMMANDS
from gateway.streams.topics import topic_of

ORDER: Final[tuple[Standing, ...]] = ("anonymous", "session", "viewer", "service", "operator", "owner")
TOPICS: Final = (
    "day/studio-north/2026-12-07",
    "holds/studio-north/2026-12-07",
    "month/studio-north/2026-12",
    "room/launch",
    "block/launch/0",
    "ticket/launch.0.17",
    "numbers/launch",
    "booking/studio-north.2026-12-07.b-k3v7x2mqa5",
    "bookings",
    "status",
)
"""One of each kind."""
SOCKET: Final[Permission] = "streams.read"
_TYPED: Final = re.compile(r":\w+(?=})")
_INTRODUCTION: Final = """\
# Who may do what

<!-- Written by `python -m gateway.http.permissions > docs/permissions.md`; a test compares the two. -->

Whoever asks has one of these roles in the organisation that the path names, and none in any other: a key or a session
of another organisation is refused with 403 `foreign_organisation` wherever it is shown, and is never taken for nothing.
Who says nothing of themselves and lacks a permission is told 401, and everybody else 403 `not_permitted`.

A key may have **scopes**, which are permissions: then it has only those of its role's that they name, and what anybody
may do without a key.
"""
_OF_ROUTES: Final = """\
A permission lets somebody ask. What is asked about may be somebody else's all the same: a booking takes its management
token or `bookings.manage`, a hold and a ticket the session that they belong to. And what is done for a visitor takes
the visitor's session, beside the key of the server that acts for them. An audit names the people whom bookings are for
to whoever has `bookings.read`, which quotas take at all; `access` takes `keys.manage`, and webhooks `webhooks.manage`,
there as elsewhere. `/metrics` is for programs on the same machine, unless it was set otherwise.
"""


class Route(NamedTuple):
    method: str
    path: str
    summary: str
    needs: Permission | None
    """Nothing, where it is everybody's."""


def routes(handlers: Iterable[HTTPRouteHandler] = (*ROUTES, *operating.ROUTES)) -> list[Route]:
    """Every route that HTTP has, in the order of their paths."""
    found = [
        Route(str(method), _TYPED.sub("", path), str(handler.summary), permission_named(handler.opt.get(NEEDS, "")))
        for handler in handlers
        for path in handler.paths
        for method in handler.http_methods
        if str(method) not in {"HEAD", "OPTIONS"}
    ]
    return sorted(found, key=lambda route: (route.path, route.method))


def written() -> str:
    return "\n".join(
        (
            _INTRODUCTION,
            "## Roles\n",
            *_table(("role", "who that is"), ((f"`{one}`", STANDINGS[one]) for one in ORDER)),
            "\n## Permissions\n",
            *_table(
                ("permission", "what one may do by it", *ORDER),
                ((f"`{one}`", meaning, *_marks(one)) for one, meaning in PERMISSIONS.items()),
            ),
            f"\n## Routes\n\n{_OF_ROUTES}",
            *_table(
                ("route", "", "takes", "so it is for"),
                ((f"`{one.method} {one.path}`", one.summary, _named(one.needs), _who(one.needs)) for one in routes()),
            ),
            "\n## Streams\n",
            f"A socket, `GET /v1/{{org}}/stream`, takes `{SOCKET}`, as server-sent events do. Then:\n",
            *_table(
                ("topic", "takes", "so it is for"),
                ((f"`{one}`", _named(needs), _who(needs)) for one in TOPICS for needs in (topic_of(one).needs,)),
            ),
            "",
            *_table(
                ("command", "takes", "so it is for"),
                ((f"`{name}`", _named(one.needs), _who(one.needs)) for name, one in COMMANDS.items()),
            ),
            "",
        )
    )


def _named(permission: Permission | None) -> str:
    return "nothing" if permission is None else f"`{permission}`"


def _marks(permission: Permission) -> tuple[str, ...]:
    return tuple("✓" if permission in PERMITTED[standing] else "" for standing in ORDER)


def _who(permission: Permission | None) -> str:
    allowed = [one for one in ORDER if permission is None or permission in PERMITTED[one]]
    return "everybody" if len(allowed) == len(ORDER) else ", ".join(allowed)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' for _ in head)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.stdout.write(written())
