"""A letter as a message (RFC 5322): text, HTML and, for a booking, what calendars read, as one thing that any mail
program shows.

Its Message-ID follows from the happening alone. So the same letter sent twice, because nobody knew whether the first
one had been taken, is known by it to be the same. All letters about one booking, or one ticket, refer to it, and stand
together.

Whatever is not ASCII is encoded, so that it goes through every server; lines have the length that they may have.

Whatever anybody called themselves, a message has the headers that are given to it here, and goes to one mailbox. That
is looked at once more in what was made: the library reads what it is given, and may find more in it than we do.
"""

from __future__ import annotations

import datetime as dt
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from events.clock import Instant
from gateway.mail.addresses import domain_of
from gateway.mail.letters import From, Letter, one_line

_POLICY: Final = SMTP.clone(cte_type="7bit")
FILE: Final = "booking.ics"
HEADERS: Final = (
    "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type",
)  # fmt: skip


class Misread(Exception):
    """A bug of ours: the message says something else than the letter. It is not sent."""


def message_of(letter: Letter, by: From, id: str, thread: str, at: Instant) -> bytes:
    """`id` is unlike that of any other letter, `thread` that of what it is about."""
    message = EmailMessage(_POLICY)
    domain = domain_of(by.address)
    message["From"] = Address(one_line(by.name), addr_spec=by.address)
    message["To"] = Address(one_line(letter.name), addr_spec=letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(dt.datetime.fromtimestamp(at // 1_000, dt.UTC))
    message["Message-ID"] = f"<{id}@{domain}>"
    message["References"] = f"<{thread}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's holiday notice is to answer (RFC 3834)
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.invitation is not None:
        calendar, method = letter.invitation
        message.add_alternative(calendar.decode(), subtype="calendar", params={"method": method})
        message.add_attachment(calendar, maintype="application", subtype="ics", filename=FILE)
    made = message.as_bytes()
    _look_at(made, message, letter, by)
    return made


def _look_at(made: bytes, message: EmailMessage, letter: Letter, by: From) -> None:
    """Whether whoever reads it finds the same headers and people, and its parts where they begin."""
    read = BytesParser(policy=_POLICY).parsebytes(made, headersonly=True)
    if tuple(read.keys()) != HEADERS or read.get_boundary() != message.get_boundary():
        raise Misread("the message has other headers than it was given")
    people = [[one.addr_spec for one in read[header].addresses] for header in ("From", "To")]
    if people != [[by.address], [letter.to]]:
        raise Misread("the message is from or to somebody else")
