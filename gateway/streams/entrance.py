"""The entrance: who may have a socket, and what its client may follow and ask for there.

A browser cannot set headers on a socket. It shows who it is by the cookie of its session, when its page is one of ours;
or by a sub-protocol, `bearer.<token>` beside `tidegate.v1`. Everybody else sends `Authorization`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import Random
from time import perf_counter
from typing import Final
from urllib.parse import unquote

import msgspec

from actors.booking.changing import wrong_token
from actors.booking.commands import ShowBooking
from events.day import Booking, owner_of
from events.names import is_identifier
from events.waiting.sessions import Ticket, ticket_of
from gateway.calls import Call
from gateway.edge import Edge
from gateway.http.front import Front
from gateway.idempotency import sealed_id
from gateway.identity.callers import Caller
from gateway.limiting.rates import COMMAND_DEEDS
from gateway.limits import WITHIN_MS
from gateway.measuring.counts import OTHER
from gateway.problems import Problem, problem_from, problem_of
from gateway.streams import commands, theirs
from gateway.streams.client import Client
from gateway.streams.handshake import Refused, Request
from gateway.streams.limits import SYNC_WITHIN_S
from gateway.streams.live import Live
from gateway.streams.messages import CallFor, Subscribe, Sync, Unsubscribe, written
from gateway.streams.staying import shown
from gateway.streams.topics import STATUS, Topic, topic_of

BEARER: Final = "bearer."
JITTER_MS: Final = 5_000
"""Whoever is sent away comes back spread over this."""


class Entrance:
    """A `Door` of sockets."""

    def __init__(self, front: Front) -> None:
        self.hub: Final = front.edge.hub
        self._front: Final = front
        self._edge: Final[Edge] = front.edge
        self._clients: Final[set[Client]] = set()
        self._dice: Final = Random()

    async def opens(self, request: Request) -> Client | Refused:
        parts = request.path.split("/")
        if len(parts) != 4 or parts[:2] != ["", "v1"] or parts[3] != "stream" or not is_identifier(parts[2]):
            return Refused(404, "unknown_path", "sockets are at /v1/{org}/stream")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        offered = next((one for one in request.subprotocols if one.startswith(BEARER)), "")
        if offered and "authorization" not in headers:
            headers["authorization"] = f"Bearer {unquote(offered.removeprefix(BEARER))}"
        address = self._front.addresses.of("" if request.peer is None else request.peer[0], request.headers)
        try:
            self._front.rates.at_the_door(address)
            caller = await self._front.caller("CONNECT", parts[2], headers)
            caller.needs("streams.read")
            self._front.rates.known(caller, address, came=True)
        except Problem as problem:
            return Refused(problem.status, problem.code, str(problem), problem.fault, problem.retry_after_ms)
        return Client(self, caller, address, shown(self._front.caller, parts[2], headers))

    def come(self, client: Client) -> None:
        self._clients.add(client)

    def go(self, client: Client) -> None:
        self._clients.discard(client)
        for mark in client.marks:
            self.hub.take_back(mark)
        client.marks.clear()
        for name, live in client.topics.items():
            live.leave(client)
            self.not_here(client, name)
        client.topics.clear()

    def jitter_ms(self) -> int:
        return self._dice.randrange(JITTER_MS)

    @property
    def clients(self) -> Iterable[Client]:
        return self._clients

    @property
    def sockets(self) -> int:
        return len(self._clients)

    @property
    def unsent_bytes(self) -> int:
        return sum(client.unsent for client in self._clients)

    # Following

    async def subscribe(self, client: Client, said: Subscribe, wanted: set[str]) -> None:
        """Begin those of its topics that are `wanted` by the time that they can begin."""
        await self._answered(client, said.id, self._subscribe(client, said, wanted))

    async def _subscribe(self, client: Client, said: Subscribe, wanted: set[str]) -> None:
        id = b"%d" % said.id
        since = self._since(said.since)
        client.stays(await client.still())
        topics = [topic_of(name) for name in said.names]
        opened = {topic.name for topic in topics if await self._is_opened(client.caller, topic, said.token)}
        client.needs_room_for(topics)
        address = self._front.rates.counted(client.caller, client.address)
        lives = [await self.hub.live(client.caller.org, topic, address) for topic in topics]
        lives = [live for live in lives if live.topic.name in wanted]
        client.needs_room_for([live.topic for live in lives])  # it may have asked for others meanwhile
        if said.topics:
            client.needs_room_for_mark()
        for live in lives:  # all of them, or none: from here on nothing is refused
            client.follows(live, by_token=live.topic.name in opened)
            _begin(client, live, id, since)
        for live in lives:
            if live.topic.kind == "ticket" and client.caller.session:
                await self._is_here(client, live.topic.name)
        if said.topics:
            for live in lives:
                await live.begun(client)
            self._sync(client, id, max((self.hub.through, *(live.position for live in lives))))

    def _since(self, text: str) -> int | None:
        """Where a client stands, if anywhere; -1 is in another log, or in this one before it was lost."""
        try:
            return self._front.seen(text) if text else None
        except Problem as problem:
            if problem.code != "position_unknown":
                raise
            return -1

    async def _is_opened(self, caller: Caller, topic: Topic, token: str) -> bool:
        """Whether it is by its own token that they may follow it, and not by what they may do; `Problem` when they may
        not at all."""
        if topic.kind != "booking" or not token:
            caller.needs(topic.needs)
            return False
        id = topic.name.partition("/")[2]
        call = Call(self._edge, caller, WITHIN_MS)
        booking = msgspec.convert((await call.hear(owner_of(caller.org, id), ShowBooking(id))).reply, Booking)
        refusal = wrong_token(booking, token)
        if refusal is not None:
            raise problem_of(refusal)
        return True

    def unsubscribe(self, client: Client, said: Unsubscribe) -> None:
        client.wants_no_more(said.topic)
        live = client.follows_no_more(said.topic)
        if live is not None:
            live.leave(client)
        client.say(written("unsubscribed", b"%d" % said.id, topic=said.topic))

    async def _is_here(self, client: Client, name: str) -> None:
        """If the ticket is theirs, it is kept alive by this stream."""
        ticket = ticket_of(name.partition("/")[2])
        if ticket is None:
            return
        try:
            beat_s = await theirs.beat_s(self._edge, client.caller, ticket)
        except theirs.Unsettled:
            if name not in client.topics or client not in self._clients:
                return
            client.tries(name, self.hub.start_task(self._is_here_later(client, name, ticket)))
        else:
            self._came(client, name, ticket, beat_s)

    async def _is_here_later(self, client: Client, name: str, ticket: Ticket) -> None:
        self._came(client, name, ticket, await theirs.beat_s_later(self._edge, client.caller, ticket))

    def _came(self, client: Client, name: str, ticket: Ticket, beat_s: float | None) -> None:
        if beat_s is not None and client.topics.get(name) is not None and client in self._clients:
            if client.keeps(name, ticket) is not None:  # who follows it twice is there once
                self._edge.living.go(client.caller.org, ticket)
            self._edge.living.come(client.caller.org, ticket, beat_s)

    def not_here(self, client: Client, name: str) -> None:
        """It is not by this stream any more that the ticket's holder is there, if it was."""
        ticket = client.lets_go(name)
        if ticket is not None:
            self._edge.living.go(client.caller.org, ticket)

    # Asking

    async def call(self, client: Client, said: CallFor) -> None:
        began = perf_counter()
        problem = await self._answered(client, said.id, self._call(client, said))
        which = said.command if said.command in commands.COMMANDS else OTHER
        told = "ok" if problem is None else problem.code
        self.hub.counts.called(which, told, perf_counter() - began)

    async def _answered(self, client: Client, id: int, work: Awaitable[None]) -> Problem | None:
        """Whoever asks is told when nothing comes of it, and why, whatever that is."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  # they wait for it, and our log is told of a bug
            problem = problem_from(error)
            client.refuse(b"%d" % id, problem)
            return problem
        return None

    async def _call(self, client: Client, said: CallFor) -> None:
        command = ""
        client.stays(await client.still())
        caller = client.caller
        if said.key:
            args = [text.encode() for pair in sorted(said.args.items()) for text in pair]
            command = sealed_id(caller, said.key, said.command.encode(), *args, bytes(said.body))
        self._front.rates.known(caller, client.address, COMMAND_DEEDS.get(said.command))
        call = Call(self._edge, caller, said.timeout_ms, id=command, shown_pass=said.shown_pass)
        answer = await commands.done(call, said)
        position = call.position if call.sequence else None
        client.say(written("result", b"%d" % said.id, position=position, answer=answer))

    def sync(self, client: Client, said: Sync) -> None:
        try:
            client.needs_room_for_mark()
            at = self._front.seen(said.position) if said.position else self.hub.through
        except Problem as problem:
            client.refuse(b"%d" % said.id, problem)
            return
        id = b"%d" % said.id

        def too_late() -> None:
            detail = f"not everything through {self.hub.spelled(at)} was told within {SYNC_WITHIN_S} s"
            client.refuse(id, Problem("behind", detail, "busy"))

        self._sync(client, id, at, too_late)

    def _sync(self, client: Client, id: bytes, at: int, too_late: Callable[[], None] | None = None) -> None:
        mark: object | None = None

        def through() -> bool:
            if not client.has_heard_all:
                return False
            client.marks.discard(mark)
            client.say(written("synced", id, position=self.hub.spelled(max(at, 0))))
            return True

        def ends() -> None:
            client.marks.discard(mark)
            if too_late is not None:
                too_late()

        mark = self.hub.when_through(at, through, ends if too_late is not None else None)
        if mark is not None:
            client.marks.add(mark)


def _begin(client: Client, live: Live, id: bytes, since: int | None) -> None:
    if live.topic.kind == STATUS:
        since = None  # it is this gateway's own, and nobody has stood in it elsewhere
    if since is not None and since < 0:
        live.follow(client, id, None, "other_log")
    else:
        live.follow(client, id, since)
