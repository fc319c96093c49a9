"""A mail server: a real one, on a port of this machine, that takes what it is told to take.

async with post_office() as post:
    post.answers = lambda letter: "451 later" if letter.attempt == 1 else "250 taken"
    await until(lambda: post.letters)

And a gateway whose bookings are written about, by couriers that can be stopped and killed.
"""

from __future__ import annotations

import asyncio
import email.policy
import re
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Final, NamedTuple

from icalendar import Calendar, Component

from actors.webhooks.commands import PutEndpoint, ShowDeliveries
from events.names import actor_name
from gateway.mail.carrying import ByScheme, Mail
from gateway.mail.submitting import MailServer, Security, Submitting
from gateway.webhooks.courier import Courier, CourierSettings
from gateway.webhooks.sending import Sending, posting
from tests.gateway.webhooks.office import AtWork
from tests.support.gateway import SECRET, Gate, open_gateway, told
from tests.support.house import accepted

SENDER: Final = "tickets@tidegate.example"
USER, PASSWORD = "tidegate", "correct horse battery staple"


_PATH: Final = re.compile(r"<([^<>\s]+)>(?: [A-Za-z0-9]+=\S+)*")


class Letter(NamedTuple):
    """As it arrived; `attempt` counts those with the same Message-ID, from 1."""

    to: list[str]
    sender: str
    raw: bytes
    message: EmailMessage
    attempt: int
    encrypted: bool

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())

    @property
    def method(self) -> str:
        return str(self.calendar["method"])

    @property
    def calendar(self) -> Component:
        """What calendars read: the same in both places in which they look for it."""
        (inside,) = (part for part in self.message.walk() if part.get_content_type() == "text/calendar")
        (attached,) = self.message.iter_attachments()
        assert attached.get_filename() == "booking.ics"
        written = attached.get_content()
        assert inside.get_content().replace("\r\n", "\n") == written.decode().replace("\r\n", "\n")
        calendar = Calendar.from_ical(written)
        assert inside.get_param("method") == calendar["method"]
        return calendar

    @property
    def event(self) -> Component:
        (event,) = self.calendar.walk("VEVENT")
        return event


class PostOffice:
    def __init__(self, tls: ssl.SSLContext | None = None, *, wants_login: bool = False) -> None:
        self.tls: Final = tls
        self.wants_login: Final = wants_login
        self.letters: Final[list[Letter]] = []
        """Those that were taken."""
        self.tried: Final[list[Letter]] = []
        self.logins: Final[list[tuple[str, str]]] = []
        self.answers: Callable[[Letter], str | None] = lambda _letter: "250 taken"
        """To a letter; None for none at all, until `released`."""
        self.recipient: Callable[[str], str] = lambda _address: "250 there they are"
        self.released: Final = asyncio.Event()
        self.port = 0
        self.connections = 0
        self.close: Callable[[], None] = lambda: None
        """Take nobody in any more."""
        self._tasks: Final[set[asyncio.Task[Any]]] = set()

    @property
    def subjects(self) -> list[str]:
        return [str(letter.message["Subject"]) for letter in self.letters]

    # Speaking

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await _Conversation(self, reader, writer).run()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass  # they have gone, or the test has ended
        finally:
            self._tasks.discard(task)
            writer.close()

    async def take(self, sender: str, to: list[str], raw: bytes, *, encrypted: bool) -> str:
        message = BytesParser(policy=email.policy.default).parsebytes(raw)
        attempt = 1 + sum(1 for letter in self.tried if letter.id == str(message["Message-ID"]))
        letter = Letter(to, sender, raw, message, attempt, encrypted)
        self.tried.append(letter)
        answer = self.answers(letter)
        if answer is None:
            await self.released.wait()
            answer = "250 taken"
        if answer.startswith("250"):
            self.letters.append(letter)
        return answer

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Conversation:
    """One connection, by the letter of RFC 5321: what it does not know, or not in this order, it refuses."""

    def __init__(self, post: PostOffice, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._post: Final = post
        self._reader: Final = reader
        self._writer: Final = writer
        self._encrypted = writer.get_extra_info("sslcontext") is not None
        self._welcome = not post.wants_login
        self._sender: str | None = None
        self._to: list[str] = []

    async def run(self) -> None:
        await self._say("220 post.example ESMTP")
        while (line := await self._line()) is not None:
            verb, _, rest = line.partition(" ")
            if verb == "QUIT":
                await self._say("221 good day")
                return
            await self._say(await self._answer(verb.upper(), rest))

    async def _answer(self, verb: str, rest: str) -> str:
        match verb:
            case "EHLO":
                offers = ["STARTTLS"] if self._post.tls is not None and not self._encrypted else []
                offers += ["AUTH PLAIN"] if self._post.wants_login else []
                lines = ["post.example", *offers, "8BITMIME", "SIZE 10000000"]
                return "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])
            case "NOOP" | "RSET":
                return "250 fine"
            case "STARTTLS" if self._post.tls is not None and not self._encrypted:
                await self._say("220 go on")
                await self._writer.start_tls(self._post.tls)
                self._encrypted = True
                return ""
            case "AUTH" if rest.startswith("PLAIN "):
                _, user, password = b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
                self._post.logins.append((user, password))
                self._welcome = (user, password) == (USER, PASSWORD)
                return "235 welcome" if self._welcome else "535 who is that?"
            case "MAIL" if (found := _PATH.fullmatch(rest.removeprefix("FROM:"))) and self._welcome:
                self._sender, self._to = found[1], []
                return "250 fine"
            case "RCPT" if (found := _PATH.fullmatch(rest.removeprefix("TO:"))) and self._sender is not None:
                answer = self._post.recipient(found[1])
                self._to += [found[1]] if answer.startswith("250") else []
                return answer
            case "DATA" if self._sender is not None and self._to:
                await self._say("354 go on")
                raw = (await self._reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                sender, self._sender = self._sender, None
                return await self._post.take(sender, self._to, raw, encrypted=self._encrypted)
            case _:
                return "503 not like this"

    async def _line(self) -> str | None:
        line = await self._reader.readline()
        return line.decode("ascii").rstrip("\r\n") if line else None

    async def _say(self, answer: str) -> None:
        if answer:
            self._writer.write(f"{answer}\r\n".encode())
            await self._writer.drain()


@asynccontextmanager
async def post_office(
    *, tls: ssl.SSLContext | None = None, security: Security = "none", port: int = 0, login: bool = False
) -> AsyncIterator[PostOffice]:
    post = PostOffice(tls if security == "starttls" else None, wants_login=login)
    server = await asyncio.start_server(
        post.serve, "127.0.0.1", port, ssl=tls if security == "tls" else None, limit=1 << 20
    )
    post.close = server.close
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
        await post.end()


class WritingRoom:
    """A gateway, and couriers that write about its bookings."""

    def __init__(self, gate: Gate, post: PostOffice, http: Sending) -> None:
        self.gate: Final = gate
        self.http: Final = http
        self.post: Final = post
        self._at_work: Final[list[AtWork]] = []

    async def opt_in(self, url: str = "mail:Nord%20Studios", *events: str) -> None:
        """The organisation has its letters written."""
        await self.gate.have(actor_name("demo", "webhooks"), PutEndpoint("mail", url, events or ("booking.*",)))

    def mail(self, **about: Any) -> Mail:
        server = MailServer(host="127.0.0.1", port=self.post.port, security="none")
        return Mail(self.gate.house.bus, self.gate.clock, Submitting(server, SENDER), **about)

    async def courier(self, name: str = "one", sending: Sending | None = None) -> AtWork:
        house = self.gate.house
        sender = await house.sender(by="courier")
        http = sending or ByScheme(self.http, self.mail())
        settings = CourierSettings(name=name, backoff_ms=(50, 50, 100))
        courier = Courier(house.log, sender, self.gate.clock, SECRET, settings, http, random=lambda: 0.5)
        at_work = AtWork(house, sender, courier)
        self._at_work.append(at_work)
        return at_work

    async def shown(self) -> dict[str, Any]:
        """How it goes, as it stands in the log."""
        answer = await self.gate.edge.sender.send(actor_name("demo", "webhook", "mail"), ShowDeliveries())
        shown: dict[str, Any] = accepted(answer).reply
        return shown

    async def shows(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The same, as soon as it stands so."""
        async with asyncio.timeout(60):
            while not condition(shown := await self.shown()):  # noqa: ASYNC110  # it says how it is, when asked
                await asyncio.sleep(0.02)
        return shown

    async def book(self, **about: Any) -> tuple[str, str]:
        """The id of a new booking, and what it is managed by."""
        booker = about.pop("booker", {"name": "Ann Lee", "email": "ann@example.org"})
        made = await self.gate.post("/v1/demo/bookings", self.gate.wish(booker=booker, **about), as_=self.gate.owner)
        assert made.status_code == 201, told(made)
        return made.json()["booking"], made.json()["manage_token"]

    async def change(self, booking: str, what: str, **about: Any) -> None:
        done = await self.gate.post(f"/v1/demo/bookings/{booking}/{what}", about, as_=self.gate.owner)
        assert done.status_code == 200, told(done)

    async def stop(self) -> None:
        for at_work in self._at_work:
            if not at_work.task.done():
                await at_work.stop()


@asynccontextmanager
async def writing_room(**about: Any) -> AsyncIterator[WritingRoom]:
    async with AsyncExitStack() as stack:
        post = await stack.enter_async_context(post_office(**about))
        gate = await stack.enter_async_context(open_gateway())
        http = await stack.enter_async_context(posting(allow_http=True, allow_private=True))
        room = WritingRoom(gate, post, http)
        stack.push_async_callback(room.stop)
        yield room
