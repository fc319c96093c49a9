"""What a room says of itself and of its tickets: as it decides by, which the read models are a moment behind."""

from __future__ import annotations

from typing import Any

from actors.waiting.standing import Room
from events.waiting.sessions import place_of


def shown(room: Room) -> dict[str, Any]:
    return {
        "room": room.id, "phase": room.phase, "settings": room.settings, "drawn": room.drawn,
        "commitment": room.commitment,
        "joined": sum(shard.count for shard in room.shards),
        "waiting": dict(room.waiting),
        "absent": sum(len(shard.absent - shard.served) for shard in room.shards),
        "called": len(room.called), "claiming": len(room.claiming), "active": len(room.active),
    }  # fmt: skip


def status_of(room: Room, name: str) -> str:
    index, number = place_of(name)
    shard = room.shards[index]
    if name in room.active:
        return "active"
    if name in room.called:
        return "claiming" if room.called[name].claiming else "called"
    if number in shard.gone or number in shard.served:
        return "over"
    return "absent" if number in shard.absent else "waiting"


def shown_ticket(room: Room, name: str) -> dict[str, Any]:
    seat, call = room.active.get(name), room.called.get(name)
    until = seat.until if seat else call.until if call and not call.claiming else None
    return {"ticket": f"{room.id}.{name}", "status": status_of(room, name), "until": until}
