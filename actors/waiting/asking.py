"""Asking: what one has to know of a room to stand in line before it, and whom to ask then.

A session's shard follows from its key, so one has to know the room before one can join it: that is the `Door`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.waiting.commands import Join
from events.room import RoomSettings
from events.waiting.sessions import hidden, line_actor, session_of, shard_of

BEAT_S_MAX: Final = 20.0
"""Who waits says so this often, or oftener where a room loses patience sooner."""
BEATS_PER_PATIENCE: Final = 3


class Door(msgspec.Struct, frozen=True):
    """A room as somebody knows it who wants to join."""

    org: str
    room: str
    settings: RoomSettings
    sequence: int
    """Of the room's last commit when it was asked: nobody is to decide by an older one."""

    @property
    def beat_s(self) -> float:
        return min(BEAT_S_MAX, self.settings.absent_after_s / BEATS_PER_PATIENCE)

    def whose(self, key: str, identity: str) -> str:
        """By whom the place is: by who they are, where the room asks for it; else by their session."""
        return hidden(identity) if self.settings.one_per_identity and identity else session_of(key)


def joining(
    door: Door, key: str, *, lane: str = "", code: str = "", identity: str = "", work: str = "", email: str = ""
) -> tuple[str, Join]:
    """Whom to ask, and what."""
    shard = shard_of(door.whose(key, identity), door.settings.shards)
    command = Join(key, lane=lane, code=code, identity=identity, work=work, room=door.sequence, email=email)
    return line_actor(door.org, door.room, shard), command
