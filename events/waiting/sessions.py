"""Sessions and tickets by their names.

A visitor proves with a *key* who they are: a text that only they know. What is written and shown is the *session*, its
hash; nobody gets from a session back to a key. So an id that somebody made up belongs to nobody, and one that was read
in a log or on a screen opens nothing.

A ticket is called `<room>.<shard>.<number>`, `launch.3.4711`: the room, the shard of its line, and its number there.
Within its room it is `3.4711`. Whoever knows a ticket may see how it stands, and no more.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from events.names import is_identifier

KEY_CHARACTERS_MIN: Final = 16
KEY_CHARACTERS_MAX: Final = 200
SESSION_DIGITS: Final = 32
PASS_LIFE_S_MAX: Final = 86_400
"""No pass is good for longer in all, however active its bearer is."""
TAG_DIGITS: Final = 16
"""So many of a session's digits are its tag, which the room keeps of everybody: 64 bits, eight bytes."""
SHARDS_MAX: Final = 64
NUMBERS_MAX: Final = 1 << 26
"""Tickets of one shard over the whole life of its room. With the shard they fit into 32 bits."""


class Ticket(NamedTuple):
    room: str
    shard: int
    number: int

    @property
    def id(self) -> str:
        return f"{self.room}.{self.shard}.{self.number}"

    @property
    def local(self) -> str:
        """What it is called within its room."""
        return f"{self.shard}.{self.number}"


def session_of(key: str) -> str:
    """The session that the key opens."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:SESSION_DIGITS]


def tag_of(session: str) -> str:
    return session[:TAG_DIGITS]


def is_session(text: str) -> bool:
    return len(text) == SESSION_DIGITS and all(digit in "0123456789abcdef" for digit in text)


def hidden(text: str) -> str:
    """A code or an identity as it is written: its hash."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:SESSION_DIGITS]


def shard_of(whose: str, shards: int) -> int:
    """Which shard of a line a session stands in; or an identity, both of them hashes already."""
    return int(whose[:TAG_DIGITS], 16) % shards


def ticket_of(id: str) -> Ticket | None:
    """The ticket of that id, if it can be one's."""
    room, _, place = id.partition(".")
    local = local_of(place)
    return Ticket(room, *local) if local is not None and is_identifier(room) else None


def local_of(text: str) -> tuple[int, int] | None:
    """Shard and number of `3.4711`, spelled in the one way that they are spelled."""
    shard, _, number = text.partition(".")
    if not (shard.isascii() and shard.isdigit() and number.isascii() and number.isdigit()) or len(text) > 11:
        return None
    found = int(shard), int(number)
    if f"{found[0]}.{found[1]}" != text or found[0] >= SHARDS_MAX or found[1] >= NUMBERS_MAX:
        return None
    return found


def place_of(local: str) -> tuple[int, int]:
    """Shard and number of a ticket that is known to be one."""
    shard, _, number = local.partition(".")
    return int(shard), int(number)


def shard_named(text: str) -> int:
    """The shard of that name, in the one spelling that it has; -1 when it is none."""
    return int(text) if text.isascii() and text.isdigit() and text == str(int(text)) else -1


def line_actor(org: str, room: str, shard: int) -> str:
    return f"{org}.line.{room}.{shard}"


def room_actor(org: str, room: str) -> str:
    return f"{org}.room.{room}"
