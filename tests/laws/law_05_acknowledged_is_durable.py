"""Law 5. Acknowledged means durable: a reply is sent only after the log has stored the facts, and they stay stored.

Whoever was told *accepted, at this sequence* finds at this sequence, in that actor's log, the command and the very
answer that was given; and it was there already when the answer came. Only what may be silent is accepted without.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.simulation.record import Call
from tests.laws.history import History


def breaches(history: History) -> Iterator[str]:
    for call in history.answered():
        lead = call.parts[0][0]
        replies: dict[str, Any] = call.reply if call.is_transaction else {lead: call.reply}
        if history.was_silent(call):
            continue
        if not call.sequence:
            yield f"{call.id} was accepted, and stands nowhere"
            continue
        if set(replies) != {actor for actor, _ in call.parts}:
            yield f"{call.id} was asked of others than have answered: {sorted(replies)}"
            continue
        for actor, reply in replies.items():
            yield from _kept(history, call, actor, reply, call.sequence if actor == lead else None)


def _kept(history: History, call: Call, actor: str, reply: Any, sequence: int | None) -> Iterator[str]:
    found = history.decided.get((actor, call.id), [])
    if not found:
        yield f"{call.id} was accepted, and is not in the log of {actor}"
        return
    recorded, decided = found[0]
    if sequence is not None and recorded.sequence != sequence:
        yield f"{call.id} was said to be at {sequence} of {actor}, and is at {recorded.sequence}"
    if recorded.sequence > call.answered_head:
        yield f"{call.id} was accepted when the log ended at {call.answered_head}, and stored at {recorded.sequence}"
    if msgspec.json.decode(decided.reply) != reply:
        yield f"{call.id} was told {reply}, and {actor} has {bytes(decided.reply)!r}"
