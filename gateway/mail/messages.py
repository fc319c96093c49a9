"""A letter as a message (RFC 5322): text, HTML and, for a booking, what calendars read, as one thing that any mail
program shows.

Its Message-ID follows from the happening alone. So the same letter sent twice, because nobody knew whether the first
one had been taken, is known by it to be the same. All letters about one booking, or one ticket, refer to it, and stand
together.

Whatever is not ASCII is encoded, so that it goes through every server; lines have the length that they may have.
"""

from __future__ import annotations

import datetime as dt
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from events.clock import Instant
from gateway.mail.addresses import domain_of
from gateway.mail.letters import From, Letter

_POLICY: Final = SMTP.clone(cte_type="7bit")
FILE: Final = "booking.ics"


def message_of(letter: Letter, by: From, id: str, thread: str, at: Instant) -> bytes:
    """`id` is unlike that of any other letter, `thread` that of what it is about."""
    message = EmailMessage(_POLICY)
    domain = domain_of(by.address)
    message["From"] = Address(by.name, addr_spec=by.address)
    message["To"] = Address(letter.name, addr_spec=letter.to)
    message["Subject"] = letter.subject
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
    return message.as_bytes()
