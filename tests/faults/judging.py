"""The judge: reads the whole log, and holds everything that clients were told against it.

The laws are those of the simulation (`tests/laws`), which know nothing of how a run came about. Beside them stand the
verifier that operators have (`tidegate log verify`), and one more question: was every listing true?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from actors.kinds import KINDS
from actors.runtime.limits import HostLimits
from actors.simulation.record import Call, Record, Standing
from events.catalog import Catalog
from events.codec import canonical
from events.errors import LogFull
from events.log import EventLog
from events.nats.ground import reached
from events.nats.reach import Reach
from tests.faults.traffic import Traffic
from tests.laws.history import History
from tests.laws.judge import LAWS
from tidegate.verify import verify

_OF_BANKS: Final = {"answers are true"}
_SHOWN_MAX: Final = 12
_ANY: Final = 2**63
"""Where the log ended when an answer came is not known on a real stack."""


async def judge(clients: Traffic, reach: Reach) -> History:
    """Let the clients come to their end, then see that every law was kept. The history, for what a test wants
    besides."""
    await clients.finish()
    async with reached(reach, name="judge") as ground:
        log = await ground.log()
        shelf = await (await ground.shelf()).get(clients.actors)  # before the log: a snapshot must not know more
        report = await verify(log)
        assert report.sound, report.findings[:_SHOWN_MAX]
        history = History(await _record(clients, log, shelf), KINDS)
    found = [f"{law}: {what}" for law, find in LAWS.items() if law not in _OF_BANKS for what in find(history)]
    found += [f"refused is refused: {what}" for what in done_though_full(history)]
    found += [f"listings are true: {what}" for what in untrue_listings(history, clients.listings)]
    assert not found, "\n".join([f"{len(found)} breaches", *found[:_SHOWN_MAX]])
    return history


async def _record(clients: Traffic, log: EventLog, shelf: dict[str, bytes]) -> Record:
    for call in clients.calls:
        call.answered_head = _ANY
    return Record(
        clients.seed,
        clients.calls,
        [recorded async for recorded in log.read()],
        {actor: msgspec.json.decode(data, type=Standing) for actor, data in shelf.items()},
        remembered_commands_max=HostLimits().remembered_commands_max,
    )


def done_though_full(history: History) -> Iterator[str]:
    """A full log refuses: what was refused so, and was not asked again, has changed nothing."""
    times = Counter(call.id for call in history.record.calls)
    for call in history.record.calls:
        if call.code == LogFull.code and times[call.id] == 1 and call.messages == 1 and call.id in history.actors_of:
            yield f"{call.id} was refused, and done all the same in {list(history.actors_of[call.id])}"


def untrue_listings(history: History, listings: list[Call]) -> Iterator[str]:
    """A listing shows a state that the actor was in, and none older than what somebody had been told of that actor
    before the question was asked."""
    for actor in {actor for listing in listings for actor, _ in listing.parts}:
        stood: dict[bytes, tuple[int, int]] = {}
        """By what a listing then shows: the first and the last commit at which it is so."""
        for stage in history.fold(actor):
            shown = canonical(_shown(stage.state))
            since, _ = stood.get(shown, (stage.sequence, 0))
            stood[shown] = (since, stage.sequence)
        told = [
            (call.answered_at, found[0][0].sequence)
            for call in history.answered()
            if (found := history.decided.get((actor, call.id)))
        ]
        for listing in listings:
            if listing.outcome != "accepted" or listing.parts[0][0] != actor:
                continue
            since, through = stood.get(canonical(listing.reply["resources"]), (-1, -1))
            if since < 0:
                yield f"{actor} was never {listing.reply}"
                continue
            known = max((sequence for when, sequence in told if when < listing.asked_at), default=0)
            if known > through:
                yield (
                    f"{actor} was told as of {through} at {listing.answered_at:.3f}, when {known} had been told "
                    f"before it was asked at {listing.asked_at:.3f}"
                )


def _shown(catalog: Catalog) -> list[Any]:
    everything = catalog.active | catalog.retired
    return [everything[id] for id in sorted(everything)]
