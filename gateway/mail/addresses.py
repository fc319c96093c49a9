"""Where a letter may go: to what is a mailbox of the internet, written plainly.

Stricter than what an address may be, and than what a booking takes for one: no quotes, no comments, no lists, no
encoded words, no mailboxes of this machine or of a bare number. So an address is one word, and nothing in it can be
read as anything but the address. A domain in another script is written as the ASCII that stands for it.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.mail.limits import ADDRESS_CHARACTERS_MAX, MAILBOX_CHARACTERS_MAX

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.ASCII)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?=.*[A-Za-z]){_LABEL}", re.ASCII)
"""Its last part has a letter: otherwise it is a number."""


def deliverable(text: str) -> str | None:
    """The address as it stands on an envelope; None when no letter can go there."""
    mailbox, at, domain = text.rpartition("@")
    if not at or len(mailbox) > MAILBOX_CHARACTERS_MAX or "=?" in mailbox or _MAILBOX.fullmatch(mailbox) is None:
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return None
    address = f"{mailbox}@{domain}"
    return address if len(address) <= ADDRESS_CHARACTERS_MAX and _DOMAIN.fullmatch(domain) is not None else None


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]
