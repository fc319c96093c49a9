"""Carrying: what a courier sends with, where some of what it is told to send are letters.

    async with posting() as http:
        mail = Mail(bus, clock, Submitting(server, "tickets@example.org"))
        Courier(…, ByScheme(http, mail), …)

A happening is answered for with a number, as a request is: 250, the server has taken the letter; 204, there is nothing
to write, to nobody, or not any more; otherwise what the mail server said, or why it said nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
import structlog

from actors.webhooks.checks import MAIL, sender_named
from events.bus import Bus
from events.clock import Clock, Instant
from events.errors import BusError
from events.webhooks import TEST
from gateway.mail.addresses import deliverable
from gateway.mail.letters import ABOUT, From, Letter, is_true, letter_of
from gateway.mail.limits import ASKED_WITHIN_MS
from gateway.mail.messages import message_of
from gateway.mail.submitting import Submitting
from gateway.mail.turns import TURNS, is_true_turn, turn_letter
from gateway.webhooks.happenings import sequence_of
from gateway.webhooks.sending import NotSent, Sending
from projections.answering import ask
from projections.questions import Booking, CatalogAnswer, CatalogOf, Question, Row, TurnAnswer, TurnOf, Unanswered

log = structlog.get_logger(__name__)

NOTHING: Final = 204
THREAD_DIGITS: Final = 24
"""Short enough for a line of a message, whatever a booking is called."""


class _About(msgspec.Struct, frozen=True):
    booking: str = ""
    version: int | None = None
    ticket: str = ""
    until: str | None = None


class _Told(msgspec.Struct, frozen=True, rename={"event": "type"}):
    """What we need of the body that a webhook would have."""

    id: str
    event: str
    org: str
    position: str
    data: _About


_TOLD: Final = msgspec.json.Decoder(_Told)


class Mail:
    """A `Sending` to addresses such as `mail:Nord%20Studios`. With a `base_url`, letters say where the booking can be
    seen, at `<base_url>/<org>/bookings/<id>`, or where the line is stood in, at `<base_url>/<org>/rooms/<room>`."""

    def __init__(self, bus: Bus, clock: Clock, submitting: Submitting, base_url: str = "") -> None:
        self._bus: Final = bus
        self._clock: Final = clock
        self._submitting: Final = submitting
        self._base_url: Final = base_url.rstrip("/")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        told = _TOLD.decode(body)
        if told.event == TEST:
            return await self._submitting.knock()
        by = From(self._submitting.sender, sender_named(url) or told.org, self._base_url)
        if told.event in TURNS:
            return await self._about_turn(told, by)
        return await self._about_booking(told, by) if told.event in ABOUT else NOTHING

    async def _about_turn(self, told: _Told, by: From) -> int:
        ticket = told.data.ticket
        turn: TurnAnswer | None = await self._ask(TurnOf(org=told.org, ticket=ticket, at_least=sequence_of(told.id)))
        now = self._clock()
        if turn is None or not is_true_turn(told.event, turn, told.data.until, now):
            return NOTHING
        to = self._reached(told, turn.email)
        if to is None:
            return NOTHING
        return await self._submit(told, turn_letter(told.event, told.org, turn, by, to, now), by, ticket, now)

    async def _about_booking(self, told: _Told, by: From) -> int:
        row: Row | None = await self._ask(Booking(org=told.org, id=told.data.booking, at_least=sequence_of(told.id)))
        now = self._clock()
        if row is None or not row.booker.email or not is_true(told.event, row, told.data.version, now):
            return NOTHING
        to = self._reached(told, row.booker.email)
        if to is None:
            return NOTHING
        resources = tuple(item.resource for item in row.wish.items)
        known: CatalogAnswer = await self._ask(
            CatalogOf(org=told.org, event_types=(row.wish.event_type,), resources=resources)
        )
        letter = letter_of(told.event, told.org, row, known.catalog, by, to, now)
        return await self._submit(told, letter, by, row.id, now)

    def _reached(self, told: _Told, email: str) -> str | None:
        to = deliverable(email)
        if to is None:
            log.info("letter_not_written", happening=told.id, why="no letter can go to such an address")
        return to

    async def _submit(self, told: _Told, letter: Letter, by: From, about: str, now: Instant) -> int:
        place = f"{told.position.partition(':')[0]}.{told.org}"  # the log, and whose it is
        thread = sha256(f"{about}.{place}".encode()).hexdigest()[:THREAD_DIGITS]
        return await self._submitting.submit(letter.to, message_of(letter, by, f"{told.id}.{place}", thread, now))

    async def _ask(self, question: Question) -> Any:
        try:
            return await ask(self._bus, question, ASKED_WITHIN_MS)
        except (Unanswered, BusError) as error:
            log.warning("letter_waits", code=error.code, detail=str(error))
            raise NotSent("read_models_away") from error


class ByScheme:
    """Letters to where letters go, everything else over HTTP. Where there is no mail, letters wait."""

    def __init__(self, http: Sending, mail: Mail | None) -> None:
        self._http: Final = http
        self._mail: Final = mail

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if url.partition(":")[0].lower() != MAIL:
            return await self._http.post(url, headers, body)
        if self._mail is None:
            raise NotSent("mail_not_set_up")
        return await self._mail.post(url, headers, body)
