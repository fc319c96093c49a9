"""A WebSocket, on the port of the HTTP server: uvicorn hands the connection over, and is not in the way from then on.

ASGI would carry a socket too. Its `send` awaits a transport that is full, so whoever tells a thousand would wait for
the slowest of them, and it hides how much of what was sent has left. Here a frame is written as it is, into the
transport's buffer, and `unsent` says what that holds: whoever sends decides whom to spare. `sockets` makes the class
for `uvicorn.Config(ws=…)`, to be used with that of `front.requests` for `http=…`.

What a socket is for is said by a `Door`, which is asked once whether it opens, and the `Listener` that it answers with:

    asked ──▶ opens ──▶ opened ──▶ heard, drained, leaving … ──▶ closed
                 └────▶ Refused

A socket that waits costs what its object holds: no task (the one that asked the door is gone by then), no timer (the
`wheel` has one for all), no closure, no buffer. A listener is called from the event loop only, never from within a call
of its own: whoever sends to a thousand may close some of them meanwhile.

Who does not answer is found by pings. Whatever comes from a client says that it is there; with `PINGS_MISSED_MAX` pings
and nothing after them the connection is cut. Every ending has a deadline: a goodbye that isn't
answered, a refusal that isn't read, a buffer that doesn't empty.

The module is whole: what may happen in one state of a connection is only right beside what may happen in the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeAlias, cast

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.limiting.crowd import Place
from gateway.streams import frames, handshake
from gateway.streams.frames import Close, Event, Message, Parser, Ping, Pong, Violation
from gateway.streams.handshake import END_OF_HEAD, TOO_LONG, TOO_SLOW, Address, Refused, Request
from gateway.streams.limits import (
    CONTROLS_PER_TURN_MAX,
    EARLY_BYTES_MAX,
    HEAD_BYTES_MAX,
    PINGS_MISSED_MAX,
    SocketLimits,
)
from gateway.streams.wheel import OFF, Wheel

log = structlog.get_logger(__name__)

LEAVING: Final = Refused(503, "leaving", "this server is about to stop; another one answers", "late", 1_000)
ASKED_TOO_LONG: Final = Refused(503, "busy", "whether you may come in was not found out in time", "busy", 1_000)
TOO_EARLY: Final = Refused(400, "too_early", "nothing is to be sent before the answer to the handshake")
BROKEN: Final = Refused(500, "internal_error", "this is our mistake, and has been written down", "ours")
DEFAULTS: Final = SocketLimits()
_PING: Final = frames.ping_frame()


class Listener(Protocol):
    """What hears a socket. Whoever is returned by `Door.opens` is told `closed` once, whatever happened in between."""

    def opened(self, socket: Socket) -> None:
        """The first thing that it is told, if the client still was there."""

    def heard(self, text: bytes) -> None:
        """A message: valid UTF-8, at most `message_bytes_max`."""

    def drained(self) -> None:
        """What had piled up in front of a slow reader has left."""

    def leaving(self) -> None:
        """The server is to stop: say goodbye and `close`. A socket that is open after `leave_within_s` is closed."""

    def closed(self) -> None:
        """The connection is gone. What has been sent since it began to end was dropped."""


class Door(Protocol):
    async def opens(self, request: Request) -> Listener | Refused:
        """Whether this client may come in. It is cancelled when the client has gone, or the time is over."""


class State(Enum):
    ARRIVING = auto()
    """Its request has not come, or not all of it."""
    ASKING = auto()
    """The door is being asked."""
    OPEN = auto()
    CLOSING = auto()
    """We said goodbye, or refused. Nothing more is sent; until its end the other side's goodbye is waited for."""
    GONE = auto()


_OPEN: Final = State.OPEN  # Python takes a tenth of a microsecond to look a member up, for each frame to each socket


class House:
    """What all sockets of one server share."""

    def __init__(self, door: Door, limits: SocketLimits) -> None:
        self.door: Final = door
        self.limits: Final = limits
        self.wheel: Final = Wheel(
            max(limits.handshake_within_s, limits.ping_every_s, limits.close_within_s, limits.leave_within_s)
        )


Connections: TypeAlias = set[Any]
"""uvicorn's, of all kinds: its stop waits until it is empty."""


class Socket(asyncio.Protocol):
    __slots__ = (
        "_asking",
        "_connections",
        "_controls",
        "_early",
        "_full",
        "_house",
        "_leaving",
        "_listener",
        "_missed",
        "_owed",
        "_parser",
        "_state",
        "_transport",
        "place",
        "spoke",
    )

    _transport: asyncio.Transport

    def __init__(self, house: House, connections: Connections) -> None:
        self._house = house
        self._connections = connections
        self._state = State.ARRIVING
        self._early: bytearray | None = bytearray()
        """What came before it was open: the request, and what stood behind it."""
        self._asking: asyncio.Task[None] | None = None
        self._listener: Listener | None = None
        self._parser: Parser | None = None
        self._missed = 0
        """How often we looked, and nothing had come since."""
        self._controls = 0
        self._full = False
        self._owed: bytes | None = None
        """The answer to the last ping, while the transport is full: the others need none (RFC 6455, 5.5.3)."""
        self._leaving = False
        self.place: Place | None = None
        """Among the connections from its address, when it is counted."""
        self.spoke = OFF

    # What a listener may do

    def send(self, frame: bytes) -> None:
        """Write what `frames` made. Once the socket is no longer open that is done by dropping it."""
        if self._state is _OPEN:
            self._transport.write(frame)

    @property
    def unsent(self) -> int:
        """Bytes that wait here because the other side doesn't take them; and those of this turn of the loop, which
        leave at its end."""
        return 0 if self._state is State.GONE else self._transport.get_write_buffer_size()

    @property
    def is_open(self) -> bool:
        return self._state is State.OPEN

    def close(self, code: int = frames.NORMAL, reason: str = "") -> None:
        """Say goodbye behind what was sent, and end when the other side did too, within `close_within_s`."""
        if self._state is State.OPEN:
            self._transport.write(frames.close_frame(code, reason))
            self._end()

    def abort(self) -> None:
        """End at once; what is unsent is lost."""
        if self._state is not State.GONE:
            self._end()
            self._parser = None
            self._transport.abort()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._house.wheel.hang(self, self._house.limits.handshake_within_s)

    def data_received(self, data: bytes) -> None:
        self._missed = 0
        if self._parser is not None:
            self._hear(self._parser.feed(data))
        elif self._early is not None:
            self._early += data
            if self._state is State.ARRIVING:
                self._arrive(self._early)
            elif len(self._early) > EARLY_BYTES_MAX:
                self._refuse(TOO_EARLY)

    def eof_received(self) -> None:
        """The other side says no more, and hears no more of us: the transport closes when what is unsent has left."""
        if self._state is not State.CLOSING:
            self._end()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._missed = 0  # whoever reads is there
        if self._state is State.OPEN:
            if self._owed is not None:
                self._transport.write(self._owed)
                self._owed = None
            if self._listener is not None:
                self._tell(self._listener.drained)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = State.GONE
        self._connections.discard(self)
        self._house.wheel.take(self)
        if self.place is not None:
            self.place.leave()
            self.place = None
        self._forget_the_door()
        self._parser = self._owed = None
        if self._listener is not None:
            self._tell(self._listener.closed)
            self._listener = None

    # What uvicorn and the wheel say

    def shutdown(self) -> None:
        """The server is to stop, and waits for its connections."""
        if self._state is State.OPEN and self._listener is not None:
            self._leaving = True
            self._house.wheel.hang(self, self._house.limits.leave_within_s)
            self._tell(self._listener.leaving)
        elif self._state is State.ARRIVING or self._state is State.ASKING:
            self._refuse(LEAVING)

    def due(self) -> None:
        match self._state:
            case State.ARRIVING:
                self._refuse(TOO_SLOW)
            case State.ASKING:
                self._refuse(ASKED_TOO_LONG)
            case State.OPEN if self._leaving:
                self.close(frames.GOING_AWAY, "this server is about to stop")
            case State.OPEN:
                self._look_after()
            case State.CLOSING:
                self.abort()

    # Coming in

    def _arrive(self, early: bytearray) -> None:
        end = early.find(END_OF_HEAD)
        if end < 0:
            if len(early) > HEAD_BYTES_MAX:
                self._refuse(TOO_LONG)
            return
        end += len(END_OF_HEAD)
        request = handshake.read(bytes(early[:end]), self._peer())
        del early[:end]
        if isinstance(request, Refused):
            self._refuse(request)
        elif len(early) > EARLY_BYTES_MAX:
            self._refuse(TOO_EARLY)
        else:
            self._state = State.ASKING
            self._asking = asyncio.get_running_loop().create_task(self._ask(request))

    def _peer(self) -> Address | None:
        name = self._transport.get_extra_info("peername")
        return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None

    async def _ask(self, request: Request) -> None:
        answer: Listener | Refused
        try:
            answer = await self._house.door.opens(request)
        except Exception:  # whatever it is, somebody waits for an answer
            log.exception("door_failed", path=request.path)
            answer = BROKEN
        if isinstance(answer, Refused):
            if self._state is State.ASKING:
                self._asking = None
                self._refuse(answer)
        elif self._state is State.ASKING:
            self._open(request, answer)
        else:
            self._tell(answer.closed)

    def _open(self, request: Request, listener: Listener) -> None:
        early = bytes(self._early or b"")
        self._asking = self._early = None
        self._listener, self._parser = listener, Parser(self._house.limits.message_bytes_max)
        self._state = State.OPEN
        self._house.wheel.spread(self, self._house.limits.ping_every_s)
        self._transport.write(handshake.switching(request))
        self._tell(listener.opened, self)
        if early:
            self.data_received(early)

    def _refuse(self, refused: Refused) -> None:
        self._forget_the_door()
        self._transport.write(handshake.refusal(refused))
        self._end()
        self._hang_up()

    def _forget_the_door(self) -> None:
        self._early = None
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    # Hearing

    def _hear(self, events: Iterator[Event]) -> None:
        try:
            for event in events:
                if self._state is not State.OPEN:
                    self._hear_while_closing(event)
                elif isinstance(event, Message):
                    assert self._listener is not None, "who is open has one"
                    self._tell(self._listener.heard, event.text)
                elif isinstance(event, Close):
                    self._transport.write(frames.close_frame(event.code))
                    self._end()
                    self._transport.close()
                else:
                    self._hear_control(event)
                if self._parser is None:
                    return  # it ended meanwhile
        except Violation as violation:
            self._fail(violation.code, violation.reason)

    def _hear_control(self, event: Ping | Pong) -> None:
        self._controls += 1
        if self._controls > CONTROLS_PER_TURN_MAX:
            self._fail(frames.POLICY, f"at most {CONTROLS_PER_TURN_MAX} pings in {self._house.limits.ping_every_s:g} s")
        elif isinstance(event, Ping):
            pong = frames.pong_frame(event.payload)
            if self._full:
                self._owed = pong
            else:
                self._transport.write(pong)

    def _hear_while_closing(self, event: Event) -> None:
        """What was on its way when we said goodbye is passed over; the other side's goodbye is the end."""
        self._controls += 1
        if isinstance(event, Close):
            self._transport.close()
        elif self._controls > CONTROLS_PER_TURN_MAX:
            self._hang_up()

    def _tell(self, told: Callable[..., None], *what: object) -> None:
        try:
            told(*what)
        except Exception:  # a listener's bug is the end of its socket, and of nothing else
            log.exception("listener_failed", told=getattr(told, "__qualname__", ""))
            self._fail(frames.OUR_FAULT, "this is our mistake, and has been written down")

    # Lasting, and ending

    def _look_after(self) -> None:
        if self._missed >= PINGS_MISSED_MAX:
            self.abort()
            return
        self._missed += 1
        self._controls = 0
        self._transport.write(_PING)
        self._house.wheel.hang(self, self._house.limits.ping_every_s)

    def _fail(self, code: int, reason: str) -> None:
        """Say why, and listen no more."""
        self.close(code, reason)
        if self._state is State.CLOSING:
            self._hang_up()

    def _end(self) -> None:
        """Whatever happens now, it is over by then."""
        self._state = State.CLOSING
        self._house.wheel.hang(self, self._house.limits.close_within_s)

    def _hang_up(self) -> None:
        self._parser = None
        hang_up(self._transport)


def hang_up(transport: asyncio.Transport) -> None:
    """Close our half behind what was written; the other side may do the same, or is cut later. Closing at once, with
    something of its unread, would reset the connection, and what we said last might not arrive."""
    if transport.is_closing():
        return
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()


def sockets(door: Door, limits: SocketLimits = DEFAULTS) -> type[Socket]:
    """The class that makes sockets for this door, as uvicorn wants it: `Config(app, ws=sockets(door))`."""
    house = House(door, limits)

    class HandedOver(Socket):
        __slots__ = ()

        def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
            super().__init__(house, server_state.connections)

    return HandedOver
