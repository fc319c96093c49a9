"""What stands before every request: a connection has so long to say what it wants, and so many bytes.

uvicorn puts no bound on how slowly a request arrives, nor on how much comes before it has arrived; a thousand
connections that send a header a minute cost nothing to make, and would stay. `requests` makes the class for
`Config(http=…)` that bounds both, for requests that become sockets (`socket`) and for all others, up to the last byte
of a request. What follows is bounded elsewhere: handlers by their deadline, quiet connections by `timeout_keep_alive`.
An answer that nobody reads is not waited for either: a reader that takes nothing for `read_within_s` is cut off.

How many connections there may be from one address is said by the `Crowd`; a socket keeps the place of its request.
What cannot be read as a request is told so as every error is, and not written to any log: strangers would write it.

Handing over a socket is done here too, since uvicorn's own way loses what a client sent behind its handshake in the
same packet, takes HTTP/1.0 for 1.1, writes an answer that is still under way into the new socket, and leaves its parser
to the garbage collector.

It hangs by what uvicorn 0.54 calls its methods; the tests are of what can be seen from outside.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.limiting.addresses import Addresses
from gateway.limiting.crowd import Crowd, Place
from gateway.streams.handshake import TOO_LONG, TOO_SLOW, Refused, refusal
from gateway.streams.limits import HEADERS_MAX, PIPELINED_MAX, TARGET_BYTES_MAX, RequestLimits
from gateway.streams.socket import Socket, hang_up
from gateway.streams.wheel import OFF, Wheel
from gateway.writing import WHOLE

DEFAULTS: Final = RequestLimits()
ANYBODY: Final = Crowd(0, Addresses())
TOO_MUCH: Final = Refused(413, "request_too_large", "the request is larger than anything that is asked for here")
FAR: Final = Refused(414, "target_too_long", f"a path and its query have at most {TARGET_BYTES_MAX} bytes")
MANY: Final = Refused(431, "too_many_headers", f"a request has at most {HEADERS_MAX} headers")
GARBLED: Final = Refused(400, "bad_request", "this is no request of HTTP/1.1 or 1.0")
CROWDED: Final = Refused(
    429, "too_many_connections", "too many connections from this address: use the ones that there are", "caller", 5_000
)
_VERSIONS: Final = frozenset({"1.0", "1.1"})


class _Unread(Exception):
    """The request is not to be read any further."""


class Together:
    """A transport whose writes of one turn of the loop are one write: uvicorn writes an answer's head and its body one
    after the other, and each would be a call of the system. What else is asked of it is asked of the transport."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held += data

    def flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Cycle(RequestResponseCycle):
    """A request and its answer, which may come in one."""

    async def send(self, message: Any) -> None:
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            raise RuntimeError("this request has an answer already")
        headers = (*self.default_headers, *message["headers"])
        lines = [b"%b: %b\r\n" % header for header in headers]
        body: bytes = message["body"]
        closing = b"" if self.keep_alive else b"connection: close\r\n"
        said = b"".join((STATUS_LINE[message["status"]], *lines, b"content-length: %d\r\n" % len(body), closing))
        ends = len(lines) + (2 if self.keep_alive else 3)
        if said.count(b"\n") != ends or said.count(b"\r") != ends or b"\0" in said:
            raise RuntimeError("a header holds the end of a line")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(said + b"\r\n" + (body if self.scope["method"] != "HEAD" else b""))
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class Requests(HttpToolsProtocol):
    limits: ClassVar[RequestLimits]
    wheel: ClassVar[Wheel]
    crowd: ClassVar[Crowd]

    spoke = OFF
    _place: Place | None = None
    _chunk = b""
    _arriving = True
    """Something of a request is still to come, be it all of it."""
    _begun = False
    """Something of it has."""
    _in_head = False
    _arrived_bytes = 0
    """Of the request that is arriving, without the packet in which it began: that may have had others before it."""
    _refused = False
    _together: Together
    _unread_bytes = 0
    """Of our answers, when they began to pile up in front of a reader, or when we last looked."""

    # What the event loop says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._together = Together(transport, self.loop)
        self._place = self.crowd.enter(self.client[0] if self.client is not None else "")
        if self._place is None:  # it is told at once, and not waited for: there are too many of these
            self._refused = True
            transport.write(refusal(CROWDED))
            transport.close()
            return
        self.wheel.hang(self, self.limits.request_within_s)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._arriving and not self._answering:  # be it an empty line, it has ended the quiet
            self._arriving, self._begun, self._in_head, self._arrived_bytes = True, False, True, -len(data)
        self._unset_keepalive_if_required()
        if not self._parsed(data):
            return
        if not self._arriving:
            if not self._unread_bytes:
                self.wheel.take(self)
            return
        self._arrived_bytes += len(data)
        if self._arrived_bytes > (self.limits.head_bytes_max if self._in_head else self.limits.request_bytes_max):
            self._refuse(TOO_LONG if self._in_head else TOO_MUCH)
        elif self.spoke == OFF:
            self.wheel.hang(self, self.limits.request_within_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_bytes = 0
        if self._arriving:
            self.wheel.hang(self, self.limits.request_within_s)
        else:
            self.wheel.take(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.wheel.take(self)
        if self._place is not None:
            self._place.leave()
            self._place = None
        super().connection_lost(exc)

    # What the parser says

    def _parsed(self, data: bytes) -> bool:
        """Whether there is to be more of it."""
        try:
            while data:
                self._chunk, data = data, b""
                try:
                    self.parser.feed_data(self._chunk)
                except HttpParserUpgrade as stopped:
                    data = self._chunk[stopped.args[0] :]
                    if self._should_upgrade():
                        self._hand_over(data)
                        return False
        except HttpParserError:  # an objection of our own comes out as that too, and has been told
            self._refuse(GARBLED)
        finally:
            self._chunk = b""
        return not self._refused

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {WHOLE: {}}
        self._arriving, self._begun, self._in_head, self._arrived_bytes = True, True, True, -len(self._chunk)

    def on_headers_complete(self) -> None:
        refused = self._unfit()
        if refused is not None:
            self._refuse(refused)
            raise _Unread
        if len(self.pipeline) >= PIPELINED_MAX:
            self.transport.abort()
            raise _Unread
        super().on_headers_complete()
        if self.cycle is not None:  # of a request that becomes a socket there is none
            self.cycle.transport = self._together  # type: ignore[assignment]  # as much of one as it asks for
            self.cycle.__class__ = Cycle
        self._in_head = False

    def _unfit(self) -> Refused | None:
        """What came in one packet was not measured as it came. And the parser takes a head of HTTP/0.9 as well."""
        if self.parser.get_http_version() not in _VERSIONS:
            return GARBLED
        if len(self.url) > TARGET_BYTES_MAX:
            return FAR
        if len(self.headers) > HEADERS_MAX:
            return MANY
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        return TOO_LONG if size > self.limits.head_bytes_max else None

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    # What uvicorn and the wheel say

    def on_response_complete(self) -> None:
        self._together.flush()
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()

    def shutdown(self) -> None:
        self._together.flush()
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def due(self) -> None:
        if self._refused:
            self.transport.abort()
        elif self._unread_bytes:
            self._look_after_reader()
        elif self._answering and not self.cycle.more_body:  # it is an earlier request's turn, this one's may come
            self.wheel.hang(self, self.limits.request_within_s)
        elif self._begun:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _watch_reader(self) -> None:
        """What we said last has to be taken; what isn't would keep the connection open for ever."""
        self._unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_bytes:
            self.wheel.hang(self, self.limits.read_within_s)

    def _look_after_reader(self) -> None:
        left_bytes = self.transport.get_write_buffer_size()
        if left_bytes >= self._unread_bytes:
            self.transport.abort()
        else:
            self._unread_bytes = left_bytes
            self.wheel.hang(self, self.limits.read_within_s)

    # Refusing

    def _refuse(self, refused: Refused) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self._answering:
            if self.pipeline or self.cycle.response_started or not self.cycle.more_body:
                self.transport.abort()  # in the middle of an answer there is no place for another
                return
            self.cycle.disconnected = True  # whoever waits for the rest of the request need not answer it any more
            self.cycle.message_event.set()
        self._refused = True
        self._together.flush()
        if not self._answered:
            self.transport.write(refusal(refused))
        hang_up(self.transport)
        self.wheel.hang(self, self.limits.close_within_s)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # at first

    @property
    def _answered(self) -> bool:
        """The request that is arriving has its answer; there is to be no other."""
        return self._arriving and not self._in_head and not self._answering

    # Handing over

    def _hand_over(self, behind: bytes) -> None:
        self._arriving = False
        self.wheel.take(self)
        if self._answering:
            self.transport.abort()
            return
        lines = [b"%b %b HTTP/%b\r\n" % (self.scope["method"].encode(), self.url, self.scope["http_version"].encode())]
        lines += (b"%b: %b\r\n" % header for header in self.headers)
        head = b"".join(lines) + b"\r\n"
        assert self.ws_protocol_class is not None, "or it would not be an upgrade"
        self.connections.discard(self)
        socket = self.ws_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        assert isinstance(socket, Socket)
        socket.place, self._place = self._place, None
        self.transport.set_protocol(socket)
        socket.connection_made(self.transport)
        socket.data_received(head + behind)
        self.parser = None  # type: ignore[assignment]  # it and we hold each other, and nobody else does


def requests(limits: RequestLimits = DEFAULTS, crowd: Crowd = ANYBODY) -> type[Requests]:
    """The class that takes requests within these limits: `Config(app, http=requests(), ws=sockets(door))`."""

    class Bounded(Requests):
        wheel = Wheel(max(limits.request_within_s, limits.read_within_s, limits.close_within_s))

    Bounded.limits = limits
    Bounded.crowd = crowd
    return Bounded
