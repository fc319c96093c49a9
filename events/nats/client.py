"""nats-py's client with a short way through it: messages are handed over as they are parsed, and sent without waiting.

nats-py puts every message that comes into a queue, from which a task takes it, and has a second task write what is
sent. Each is a turn of the event loop, and a regular expression or three. On the way of a command there are four such
messages, two each way, and everything else about them is small. A request and its answer, both ends in one process,
took 149 µs of processor time the long way and takes 94 µs the short way.

What is relied on of nats-py's inside, and what a test of this module would notice if it changed: `_ps`, its parser
and the parser's `buf` and `state`; `_pending` and `_pending_data_size`, what waits to be written; `_subs` and a
subscription's `_id`; `_transport` and the stream writer in it. Connecting, reconnecting, authentication and
everything else stays nats-py's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, MAX_CONTROL_LINE_SIZE, Parser

Handler: TypeAlias = Callable[[Msg], None]

_VERSION: Final = "NATS/1.0"
_MSG, _HMSG = b"MH"
_MESSAGE_BEGINS: Final = (_MSG, _HMSG)

CROWDED_BYTES: Final = 4 << 20
"""More than this not yet written, or not yet taken by the socket, and who has much to post waits (`room`)."""


class QuickClient(Client):
    """`post` and `listen` are the short way; the rest is nats-py's."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = _QuickParser(self)
        self.handlers: Final[dict[int, Handler]] = {}
        self._writing_soon = False
        self._draining: asyncio.Task[None] | None = None

    async def listen(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Subscribe. `handler` is called as messages are parsed: it must not wait, and must not raise."""
        subscription = await self.subscribe(subject, queue)
        self.handlers[subscription._id] = handler  # noqa: SLF001  # as the docstring above says
        return subscription

    def post(self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Send, or keep until the connection is back. What is posted in one turn of the loop is written at once.

        Raises a `nats.errors.Error` when it can be neither, and then it will never arrive.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        frame = _frame(subject, data, reply, headers)
        size = len(frame)
        if size > self._max_payload:  # a message above the server's limit costs the connection
            raise nats.errors.MaxPayloadError
        if self._pending_data_size + size > self._max_pending_size:
            raise nats.errors.OutboundBufferLimitError
        self._pending.append(frame)
        self._pending_data_size += size
        if not self._writing_soon:
            self._writing_soon = True
            asyncio.get_running_loop().call_soon(self._write)

    def hurry(self) -> None:
        """What was posted is written now: who posted it has work to do in this turn of the loop."""
        self._write()

    @property
    def crowded(self) -> bool:
        return self._pending_data_size > CROWDED_BYTES

    async def room(self, timeout_ms: float) -> None:
        """Wait until it is not crowded any more, or the time or the connection has ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        while self.crowded and self.is_connected and (left := deadline - loop.time()) > 0:
            if self._draining is None:
                await asyncio.sleep(0)
            else:
                await asyncio.wait((self._draining,), timeout=left)

    def _write(self) -> None:
        if self._draining is not None:
            return  # what waits goes out when the socket has taken what was written
        self._writing_soon = False
        writer: asyncio.StreamWriter | None = (
            getattr(self._transport, "_io_writer", None) if self.is_connected else None
        )
        if not self._pending or writer is None or writer.transport.is_closing():
            return  # what waits goes out when the connection is back
        frames, self._pending = self._pending, []
        self._pending_data_size = 0
        writer.write(b"".join(frames))
        if writer.transport.get_write_buffer_size() > CROWDED_BYTES:
            self._writing_soon = True
            self._draining = asyncio.get_running_loop().create_task(self._drain(writer))

    async def _drain(self, writer: asyncio.StreamWriter) -> None:
        """Nothing more is written until the socket has taken what was."""
        try:
            await writer.drain()
        except ConnectionError:
            pass  # the reading side notices as well, and it is its business
        finally:
            self._draining = None
            self._write()

    def forget(self) -> None:
        """What was not written yet is not written any more."""
        self._pending.clear()
        self._pending_data_size = 0

    def unlisten(self, subscription: Subscription) -> None:
        self.handlers.pop(subscription._id, None)  # noqa: SLF001  # likewise

    def hand_over(
        self, handler: Handler, sid: int, subject: str, reply: str, data: bytes, headers: bytes | None
    ) -> None:
        try:
            handler(Msg(self, subject, reply, data, _headers(headers) if headers else None, _sid=sid))
        except Exception as error:  # noqa: BLE001  # a bug of the handler's, reported as any callback's is; the next message comes
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a handler of {subject} raised", "exception": error}
            )

    async def _connect_to_server(self, s: Srv) -> None:
        """An attempt that ends behind the handshake of TCP leaves its socket open, and the next one forgets it."""
        if self._transport:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
        await super()._connect_to_server(s)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        """Where nats-py's own parser brings what it took from the middle of other things."""
        handler = self.handlers.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]  # None, as it is called there
        else:
            self.hand_over(handler, sid, subject.decode(), reply.decode(), data, headers)


def _headers(raw: bytes) -> dict[str, str]:
    """The headers of a message, and what its first line says: nothing, or a status and perhaps a word about it."""
    first, *lines = raw.decode("utf-8", "replace").split("\r\n")
    headers: dict[str, str] = {}
    if len(first) > len(_VERSION):
        headers["Status"], _, headers["Description"] = first[len(_VERSION) :].strip().partition(" ")
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return headers


def _frame(subject: str, data: bytes, reply: str, headers: Mapping[str, str] | None) -> bytes:
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %s %d\r\n%s\r\n" % (to.encode(), len(data), data)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers):
        raise ValueError("a header's name or value has a line break")
    head = b"NATS/1.0\r\n%s\r\n" % lines.encode()
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (to.encode(), len(head), len(head) + len(data), head, data)


class _QuickParser(Parser):
    """Takes whole messages from the front of what arrived; everything else is left to nats-py's parser."""

    def __init__(self, client: QuickClient) -> None:
        super().__init__(client)
        self._client: Final = client

    async def parse(self, data: bytes = b"") -> None:
        self.buf.extend(data)
        if self.state == AWAITING_CONTROL_LINE:
            await self._take_messages(self.buf)
            if not self.buf or self.buf[0] in _MESSAGE_BEGINS:
                return  # the rest of a message is still to come
        await super().parse()

    async def _take_messages(self, buffer: bytearray) -> None:
        taken, end = 0, len(buffer)
        handlers = self._client.handlers
        try:
            while taken < end and (begin := buffer[taken]) in _MESSAGE_BEGINS:
                line_end = buffer.find(b"\r\n", taken)
                if line_end < 0:
                    if end - taken > MAX_CONTROL_LINE_SIZE:
                        raise ValueError("its first line has no end")
                    return
                _, subject, sid_text, *more = buffer[taken:line_end].decode().split()
                sid, body_start = int(sid_text), line_end + 2
                headed = begin == _HMSG
                body_end = body_start + int(more[-1])
                if body_end + 2 > end:
                    return
                headers = None
                if headed:
                    data_start = body_start + int(more[-2])
                    headers, body_start = bytes(buffer[body_start:data_start]), data_start
                data = bytes(buffer[body_start:body_end])
                reply = more[0] if len(more) > (2 if headed else 1) else ""
                taken = body_end + 2
                handler = handlers.get(sid)
                if handler is not None:
                    self._client.hand_over(handler, sid, subject, reply, data, headers)
                else:
                    await self._client._process_msg(sid, subject.encode(), reply.encode(), data, headers)  # noqa: SLF001  # likewise
        except (ValueError, IndexError) as error:
            raise nats.errors.ProtocolError(f"a message begins as none does: {error}") from error
        finally:
            del buffer[:taken]
