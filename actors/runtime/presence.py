"""A host's presence among the others: its heartbeat, what it hears, and the doors at which it takes commands.

Three subjects lead to a host: its own (`host.<name>.<incarnation>.commands`), used by senders that follow the
beats; `cmd.<partition>` with a queue group for each partition that it owns, for those that don't; and one for its
part in other hosts' transactions. Senders prefer the host's own subject because a stalled host stays a member of
its queue groups, and would go on getting its share of the commands for partitions that have long been moved.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from actors.runtime import limits
from actors.runtime.membership import BEAT_DECODER, BEATS, HELLO, Beat, Roll, encode_beat, subject_of
from actors.runtime.transactions import parts_subject
from actors.runtime.wire import partition_subject
from events.bus import Message, Subscription
from events.errors import BusError

if TYPE_CHECKING:
    from actors.runtime.host import Host

log = structlog.get_logger(__name__)

QUEUE: Final = "hosts"


class Presence:
    def __init__(self, host: Host, incarnation: str) -> None:
        self._host = host
        self.incarnation = incarnation
        self.roll = Roll()
        self._since = 0
        self._number = 0
        self._sent_at: dict[int, float] = {}
        self._sure_until = 0.0
        self._known_through: int | None = None
        """The host's, when it was last sure."""
        self._lost: dict[str, int] = {}
        """Hosts that fell silent, and the log's end when they were last heard."""
        self._listening: list[Subscription] = []
        self._doors: dict[int, Subscription] = {}
        self._moving_doors = False
        self._beating: asyncio.Task[None] | None = None
        self.superseded = False
        self._retired = False
        self._leaving = False

    def sure(self) -> bool:
        """Whether nobody can have taken over from us."""
        return asyncio.get_running_loop().time() < self._sure_until

    async def join(self) -> None:
        bus, host = self._host.bus, self._host
        self._since = host.clock()
        me = self._beat()
        self._listening = [
            await bus.subscribe(BEATS, self._hear),
            await bus.subscribe(HELLO, self._hear_hello),
            await bus.subscribe(subject_of(me), host.receive),
            await bus.subscribe(parts_subject(me.host, me.incarnation), self._hear_part),
        ]
        await bus.publish(HELLO, b"")
        await asyncio.sleep(limits.HELLO_MS / 1000)
        self._beating = self._host.tasks.keep(self._beat_for_ever())

    def retire(self) -> None:
        """Own nothing from here on, whatever we hear. Until we leave, nobody else does: commands are told to come
        back."""
        self._retired = True
        self._take(frozenset())

    async def leave(self) -> None:
        """Say that we go, so that others take over at once. No beat of ours says otherwise afterwards."""
        self._leaving = True
        if self._beating is not None:
            self._beating.cancel()
        await self._publish_beat()

    async def close(self) -> None:
        for subscription in (*self._listening, *self._doors.values()):
            await subscription.stop()

    # Our own beats

    def _beat(self) -> Beat:
        host = self._host
        return Beat(
            host.name,
            self.incarnation,
            self._since,
            self._number,
            sorted(host.owned),
            host.horizon.log_end,
            self._leaving,
            host.counts(),
        )

    async def _publish_beat(self) -> None:
        self._number += 1
        self._sent_at[self._number] = asyncio.get_running_loop().time()
        if len(self._sent_at) > limits.SURE_FOR_MS // limits.BEAT_EVERY_MS + 8:
            del self._sent_at[next(iter(self._sent_at))]
        try:
            await self._host.bus.publish(BEATS, encode_beat(self._beat()))
        except BusError as error:  # we stop being sure, and do nothing until a beat gets through
            log.warning("beat_not_sent", host=self._host.name, code=error.code, detail=str(error))

    async def _beat_for_ever(self) -> None:
        while not self.superseded:
            await self._publish_beat()
            await asyncio.sleep(limits.BEAT_EVERY_MS / 1000)
            dropped = self.roll.sweep(asyncio.get_running_loop().time())
            for beat in dropped:
                self._lost[beat.host] = beat.log_end
                log.warning("host_lost", host=beat.host, seen_by=self._host.name)
                self._host.transactions.gone(beat.host, beat.incarnation)
            if dropped:
                self._rebalance()

    # What we hear

    def _hear(self, message: Message) -> None:
        try:
            beat = BEAT_DECODER.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("malformed_beat", detail=str(error))
            return
        if beat.host == self._host.name:
            if beat.incarnation == self.incarnation:
                self._hear_ourselves(beat)
            elif (beat.since, beat.incarnation) > (self._since, self.incarnation):
                self._step_down(beat)
                return
        known = self.roll.beats.get(beat.host)
        if self.roll.hear(beat, asyncio.get_running_loop().time()):
            if known is not None and known.incarnation != beat.incarnation:
                self._host.transactions.gone(known.host, known.incarnation)
            lost_at = self._lost.pop(beat.host, None)
            if lost_at is not None and not beat.leaving:
                self._host.heard_again(lost_at)
            self._rebalance()
        self._host.horizon.saw(beat.log_end)

    def _hear_hello(self, _message: Message) -> None:
        if self._beating is not None and not self._beating.done():
            self._host.tasks.start(self._publish_beat())

    def _hear_ourselves(self, beat: Beat) -> None:
        sent_at = self._sent_at.pop(beat.number, None)
        if sent_at is None or beat.leaving:
            return
        sure_until = sent_at + limits.SURE_FOR_MS / 1000
        now = asyncio.get_running_loop().time()
        if now >= sure_until:
            return  # it took too long to come back: others may have taken over meanwhile
        lapsed = now >= self._sure_until
        self._sure_until = max(self._sure_until, sure_until)
        if lapsed:
            if self._known_through is None:
                self._host.doubt_all()
            else:
                self._host.heard_again(self._known_through)
            self._host.resume()
        self._known_through = self._host.horizon.known_through()

    def _step_down(self, beat: Beat) -> None:
        if not self.superseded:
            self.superseded = True
            self._sure_until = 0.0
            log.error("host_superseded", host=self._host.name, incarnation=self.incarnation, by=beat.incarnation)
            self.retire()

    def _hear_part(self, message: Message) -> None:
        self._host.tasks.start(self._host.transactions.hear(message.data, message.reply))

    # Our share

    def _rebalance(self) -> None:
        if not self._retired:
            self._take(self.roll.owned_by(self._host.name))

    def _take(self, partitions: frozenset[int]) -> None:
        if partitions == self._host.owned:
            return
        self._host.own(partitions)
        if not self._moving_doors:
            self._moving_doors = True
            self._host.tasks.start(self._move_doors())

    async def _move_doors(self) -> None:
        """Subscribe to what is ours, and to nothing else, however often that changes meanwhile."""
        try:
            while self._doors.keys() != self._host.owned:
                for partition in sorted(self._doors.keys() - self._host.owned):
                    await self._doors.pop(partition).stop()
                for partition in sorted(self._host.owned - self._doors.keys()):
                    self._doors[partition] = await self._host.bus.subscribe(
                        partition_subject(partition), self._host.receive, QUEUE
                    )
        finally:
            self._moving_doors = False
