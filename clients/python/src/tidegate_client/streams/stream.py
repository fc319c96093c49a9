"""A stream: topics followed and things asked for over one socket, which is made anew whenever it is lost.

    async with client.stream() as stream:
        async for change in stream.follow("day/studio-north/2026-12-07", "holds/studio-north/2026-12-07"):
            print(change.topic, change.position, change.state)

What can be asked for over HTTP as a visitor can be asked for here (`await stream.book(…)`), under one Idempotency-Key
whatever becomes of the connection meanwhile. What is said and believed is `conversation`'s business; here it is sent
and heard, and given to whoever waits for it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from tidegate_client.answers import CALLED, OVER, TicketState
from tidegate_client.answers import Ticket as TicketShown
from tidegate_client.asking import Ask, AsksLater
from tidegate_client.commands import Commands, room_of
from tidegate_client.exchange import Gateways, Manner, Seen, Tries, made_key, shown_as
from tidegate_client.limits import ANSWER_ON_ITS_WAY_S, CONNECT_S, LOOK_EVERY_S, MESSAGE_BYTES_MAX, PING_EVERY_S
from tidegate_client.problems import Problem, closed, misread, not_reached, problem_of
from tidegate_client.reads import Reads
from tidegate_client.streams.conversation import NOTHING_YET, Change, Conversation, Reply
from tidegate_client.streams.following import Following
from tidegate_client.streams.guesses import Guess, Guesses
from tidegate_client.streams.views import BlockView, DayView, MonthView, PlaceView, RoomView, TicketView

T = TypeVar("T")

PROTOCOL: Final = Subprotocol("tidegate.v1")
_AGAIN_MS: Final = 1_000
"""When a topic that could not be followed is asked for anew, unless it was said otherwise."""


class Stream(Commands):
    def __init__(self, manner: Manner, gateways: Gateways, seen: Seen, look: AsksLater) -> None:
        self._manner: Final = manner
        self._gateways: Final = gateways
        self._seen: Final = seen
        self.look: Final = look
        """Asks over HTTP what cannot be asked here."""
        self._conversation: Final = Conversation(random.random)
        self._readers: Final[dict[str, list[Following]]] = {}
        self._answers: Final[dict[int, asyncio.Future[Reply]]] = {}
        self._guesses: Final = Guesses()
        self._to_say: Final = asyncio.Event()
        self._tasks: Final[set[asyncio.Task[Any]]] = set()
        self._problem: Problem | None = None
        self.connections = 0
        """How often a connection was made."""
        self.is_connected = False

    async def __aenter__(self) -> Self:
        self._start(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # whoever closes it may be in a hurry, and nobody waits for ever because of that
            self._end(closed(), None)

    # Following

    def follow(self, *topics: str, token: str = "") -> Following:
        """What changes of these topics, each beginning with how it is. `token` is the management token of a booking,
        for whoever may not see all of them."""
        names = tuple(dict.fromkeys(topics))
        reader = Following(names, self._now, self._leave)
        for name in names:
            self._readers.setdefault(name, []).append(reader)
            if (now := self._now(name)) is not None:
                reader.hear(now)
            self._conversation.follow(name, token)
        if self._problem is not None:
            reader.end(self._problem)
        self._to_say.set()
        return reader

    def day(self, resource: str, date: str) -> DayView:
        """How the slots of a UTC date stand."""
        return DayView(self, resource, date)

    def month(self, resource: str, month: str) -> MonthView:
        return MonthView(self, resource, month)

    def room(self, room: str) -> RoomView:
        return RoomView(self, room)

    def block(self, room: str, block: int) -> BlockView:
        return BlockView(self, room, block)

    def ticket(self, ticket: str) -> TicketView:
        """How a ticket stands; and the ticket is kept alive, if it is yours."""
        return TicketView(self, ticket)

    def place(self, ticket: TicketShown) -> PlaceView:
        """Where a ticket stands in its line, exactly and at any time: as it was answered when it joined."""
        return PlaceView(self, ticket)

    async def wait(self, ticket: str) -> TicketShown:
        """Until it is called; it is kept alive meanwhile. `Problem` when it is over instead (`ticket_over`), or the
        stream is (`closed`)."""
        mine, rooms = f"ticket/{ticket}", f"room/{room_of(ticket)}"
        async with self.follow(mine, rooms) as changes:
            while True:
                state: TicketState | None = None
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        change = await anext(changes)
                    if change.topic == mine:
                        state = change.state.state
                    elif change.state.phase == "closed":
                        state = (await self.look_at(ticket)).state
                except TimeoutError:
                    state = (await self.look_at(ticket)).state
                except StopAsyncIteration:
                    raise closed() from None
                if state in CALLED:
                    return await self.look_at(ticket)
                if state in OVER:
                    raise Problem("ticket_over", f"the ticket is {state}", "late", 410)

    async def look_at(self, ticket: str) -> TicketShown:
        """How it stands, with its place, as HTTP tells it."""
        return await self.look.do_later(Reads.ticket.of(ticket))

    def _now(self, name: str) -> Change | None:
        topic = self._conversation.topic(name)
        if topic is None or topic.state is NOTHING_YET:
            return None
        return Change(name, "snapshot", topic.position, topic.state)

    def _leave(self, reader: Following) -> None:
        for name in reader.topics:
            readers = self._readers.get(name, [])
            if reader in readers:
                readers.remove(reader)
            if not readers:
                self._readers.pop(name, None)
                self._conversation.leave(name)
        self._to_say.set()

    # Asking

    async def do_later(self, ask: Ask[T]) -> T:
        return (await self.asked(ask))[0]

    async def asked(self, ask: Ask[T]) -> tuple[T, str]:
        """The answer, and the position of what was done; none where nothing was."""
        if not ask.command:
            return await self.look.do_later(ask), ""
        tries = Tries(self._manner, asyncio.get_running_loop().time, random.random)
        about: dict[str, Any] = {"command": ask.command, "key": self._manner.key or made_key()}
        about |= {"args": ask.args} if ask.args else {}
        about |= {"body": ask.body} if ask.body is not None else {}
        about |= {"pass": self._manner.shown_pass} if self._manner.shown_pass else {}
        while True:
            within_ms = tries.begin_ms()
            reply = await self._reply(self._conversation.call(timeout_ms=within_ms, **about), within_ms)
            if reply.problem is None:
                self._seen.note(reply.position)
                return ask.read(reply.answer), reply.position
            await asyncio.sleep(tries.again_s(reply.problem))

    async def _reply(self, id: int, within_ms: float) -> Reply:
        if self._problem is not None:
            raise self._problem
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers[id] = answer
        self._to_say.set()
        try:
            async with asyncio.timeout(within_ms / 1_000 + ANSWER_ON_ITS_WAY_S):
                return await answer
        except TimeoutError:
            return Reply(id, problem=not_reached("no answer came in time"))
        finally:
            self._answers.pop(id, None)
            self._conversation.give_up(id)

    async def reached(self, position: str, *, within_s: float | None = None) -> None:
        """Come back when everything that is followed has been told through there: but for rooms, their blocks and
        numbers, which are told a moment later."""
        within_ms = 1_000 * (self._manner.within_s if within_s is None else within_s)
        reply = await self._reply(self._conversation.mark(position), within_ms)
        if reply.problem is not None:
            raise reply.problem

    # Guesses

    async def attempt(self, ask: Ask[T], guesses: Mapping[str, Guess]) -> T:
        """Have it done, and show these topics meanwhile as if it were. What was guessed is gone at once when it fails,
        and exactly when it is known when it doesn't."""
        number = self._guesses.make(guesses)
        self._wake(guesses)
        try:
            answer, position = await self.asked(ask)
        except BaseException:
            self._guesses.drop(number)
            self._wake(guesses)
            raise
        stands = {name: topic.position for name in guesses if (topic := self._conversation.topic(name)) is not None}
        if not position:
            self._guesses.drop(number)
        elif self._guesses.answered(number, position, stands):
            self._start(self._drop_when_reached(number, position, guesses))
        self._wake(guesses)
        return answer

    async def _drop_when_reached(self, number: int, position: str, guesses: Mapping[str, Guess]) -> None:
        with suppress(Problem):  # of a log that is no more, or by nobody's word: it is not shown for ever
            await self.reached(position)
        self._guesses.drop(number)
        self._wake(guesses)

    def seen(self, topic: str) -> Any:
        """A topic as it is to be shown, guesses included; `NOTHING_YET` before it has begun."""
        found = self._conversation.topic(topic)
        if found is None or found.state is NOTHING_YET:
            return NOTHING_YET
        return self._guesses.seen(topic, found.state)

    def position_of(self, topic: str) -> str:
        """Where it stands; nothing before it has begun."""
        found = self._conversation.topic(topic)
        return "" if found is None else found.position

    def _wake(self, topics: Mapping[str, Guess]) -> None:
        for name in topics:
            for reader in self._readers.get(name, ()):
                reader.wake()

    # The connection

    async def _run(self) -> None:
        try:
            await self._connect_and_talk()
        except Exception as error:  # noqa: BLE001  # whoever waits is to hear of it, whatever it was
            problem = misread(error)
            self._end(problem, problem)

    async def _connect_and_talk(self) -> None:
        while True:
            url = self._gateways.url
            try:
                async with asyncio.timeout(CONNECT_S) as connecting, self._connect(url) as socket:
                    connecting.reschedule(None)
                    await self._talk(socket)
            except InvalidStatus as error:
                problem = problem_of(
                    error.response.status_code,
                    {name.lower(): value for name, value in error.response.headers.raw_items()},
                    bytes(error.response.body or b""),
                )
                if not problem.again and problem.status < 500:
                    self._end(problem, problem)
                    return
            except (OSError, WebSocketException, TimeoutError):
                pass  # it comes back
            self.is_connected = False
            self._gateways.turn(url)
            self._conversation.lost()
            await asyncio.sleep(self._conversation.back_after_ms() / 1_000)

    def _connect(self, url: str) -> connect:
        at = f"ws{url.removeprefix('http')}/v1/{self._manner.org}/stream"
        return connect(
            at,
            additional_headers=shown_as(self._manner),
            subprotocols=[PROTOCOL],
            compression=None,
            open_timeout=CONNECT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_EVERY_S,
            close_timeout=1.0,
            max_size=MESSAGE_BYTES_MAX,
            user_agent_header=None,
        )

    async def _talk(self, socket: ClientConnection) -> None:
        self._conversation.opened()
        self.connections += 1
        self.is_connected = True
        saying = asyncio.ensure_future(self._say(socket))
        try:
            async for text in socket:
                for heard in self._conversation.hear(json.loads(text)):
                    self._give(heard)
                for topic in self._conversation.to_ask_again:
                    self._start(self._ask_again(topic))
                self._to_say.set()
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    async def _say(self, socket: ClientConnection) -> None:
        while True:
            for message in self._conversation.to_say():
                await socket.send(json.dumps(message, separators=(",", ":")))
            self._to_say.clear()
            await self._to_say.wait()

    async def _ask_again(self, topic: str) -> None:
        self._conversation.ask_later(topic)
        await asyncio.sleep(_AGAIN_MS / 1_000 * (0.5 + random.random()))
        self._conversation.ask_again(topic)
        self._to_say.set()

    def _give(self, heard: Change | Reply) -> None:
        if isinstance(heard, Reply):
            answer = self._answers.get(heard.id)
            if answer is not None and not answer.done():
                answer.set_result(heard)
            return
        self._guesses.reached(heard.topic, heard.position)
        for reader in list(self._readers.get(heard.topic, ())):
            reader.hear(heard)
            if heard.problem is not None:
                self._leave(reader)

    def _end(self, asked: Problem, followed: Problem | None) -> None:
        """Nothing more is heard: because of the problem, or because nobody wanted more."""
        self.is_connected = False
        self._problem = asked
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(asked)
        for reader in {id(one): one for readers in self._readers.values() for one in readers}.values():
            reader.end(followed)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
