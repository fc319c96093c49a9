"""What the access commands share: how something is asked of `<org>.access`, and what to do when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from events.clock import Instant, iso
from events.errors import TidegateError, UnknownOutcome
from events.permissions import PERMISSIONS
from tidegate.cli.shared import Invocation
from tidegate.refused import Refused

if TYPE_CHECKING:
    from actors.access.commands import AccessCommand
    from actors.decider import Refusal
    from actors.runtime.wire import Accepted

_ISSUE: Final = "issue another one: `tidegate key create`"
_NEXT: Final = {
    "unknown_key": "`tidegate key list` shows what there is",
    "key_exists": "leave --id out, and one is made",
    "key_revoked": _ISSUE,
    "key_expired": _ISSUE,
    "too_many_keys": "`tidegate key list` shows them, `tidegate key revoke KEY` makes room",
    "unknown_scope": f"name some of {', '.join(PERMISSIONS)}",
    "scope_not_permitted": "name another --role, or leave that --scope out",
    "unknown_issuer": "`tidegate issuer list` shows what there is",
    "issuer_exists": "change that one: `tidegate issuer put` with its id",
    "too_many_issuers": "`tidegate issuer remove ISSUER` makes room",
    "no_roles": "say --role VALUE=ROLE, or --default-role",
}


class BadAccess(TidegateError):
    """What was typed says no span, role or claim."""

    code = "bad_access"
    next_step = "`tidegate key create --help` and `tidegate issuer put --help` have examples"


class AccessRefused(Refused):
    """Nothing has changed, and what to do next is a matter of keys and issuers."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        own = _NEXT.get(refusal.code)
        if own is not None:
            self.next_step = own  # type: ignore[misc]  # as the code: each rule has one, the class has none


class AccessUnknown(UnknownOutcome):
    """It was asked for, and nothing is known of it."""

    next_step = "look, `tidegate key list` or `tidegate issuer list`; a key that was not printed is best revoked"


async def asked(call: Invocation, command: AccessCommand) -> Accepted:
    """What the organisation's access answers."""
    from events.access import access_actor
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        try:
            return await asking.ask(access_actor(asking.org), command)
        except Refused as refused:
            raise AccessRefused(refused.refusal) from refused
        except UnknownOutcome as unknown:
            raise AccessUnknown(str(unknown)) from unknown


def seconds_from(option: str, text: str) -> int:
    """A span as it is typed everywhere: `30d`, `12h`, `1h30m`."""
    from tidegate.cli.room.common import BadRoom, span_from

    try:
        return span_from(option, text)
    except BadRoom as error:
        raise BadAccess(str(error)) from error


def when_shown(instant: Instant | None) -> str:
    return "never" if instant is None else iso(instant)
