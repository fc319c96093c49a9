"""What may be said of an endpoint: each check is the first rule that stands against it, or None.

An address is looked at as a text only. Where it leads is for whoever delivers to find out, each time anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote, urlsplit

from actors.decider import Refusal
from actors.text import unfit_text
from actors.webhooks.limits import (
    DESCRIPTION_CHARACTERS_MAX,
    FILTERS_MAX,
    SENDER_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
)
from events.names import is_identifier
from events.webhooks import EVENTS

MAIL: Final = "mail"
"""The scheme of an endpoint that is told by letters to whom they concern."""

_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?", re.ASCII)
_URL: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""What can be seen, without a backslash, which some take for a slash."""
GROUPS: Final = frozenset(f"{name.partition('.')[0]}.*" for name in EVENTS) | {"*"}

_SHOWN_CHARACTERS: Final = 64


def check_id(id: str) -> Refusal | None:
    if is_identifier(id):
        return None
    return Refusal("bad_identifier", f"{_shown(id)} is not an identifier: a-z, 0-9, '-', '_', at most 64")


def check_url(url: str) -> Refusal | None:
    if len(url) > URL_CHARACTERS_MAX:
        return Refusal("bad_url", f"an address has at most {URL_CHARACTERS_MAX} characters, not {len(url)}")
    if _URL.fullmatch(url) is None:
        return Refusal("bad_url", "an address is written in visible ASCII: other characters are percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return Refusal("bad_url", f"{_shown(url)}: {error}")
    if parts.scheme == MAIL:
        return _sender(url)
    if parts.scheme not in {"http", "https"}:
        return Refusal("bad_url", f"an address begins with https://, http:// or mail:, unlike {_shown(url)}")
    if "@" in parts.netloc:
        return Refusal("bad_url", "an address carries no name or password: what we send is signed")
    if "#" in url:
        return Refusal("bad_url", "an address has no fragment: it would not be sent")
    if port == 0 or not _is_host(parts.hostname or "", bracketed="[" in parts.netloc):
        return Refusal("bad_url", f"{_shown(url)} names no host")
    return None


def _sender(url: str) -> Refusal | None:
    name = sender_named(url)
    if len(name) > SENDER_CHARACTERS_MAX:
        return Refusal("bad_url", f"behind mail: stands a name of at most {SENDER_CHARACTERS_MAX} characters")
    problem = unfit_text(name)
    return None if problem is None else Refusal("bad_url", f"behind mail: stands a name: {problem}")


def sender_named(url: str) -> str:
    """Who letters are from, by an address such as `mail:Nord%20Studios`; nobody in particular, if it names nobody."""
    return unquote(url.partition(":")[2]).strip()


def _is_host(host: str, *, bracketed: bool) -> bool:
    if not bracketed:
        return _HOST.fullmatch(host) is not None
    try:
        return "%" not in host and bool(IPv6Address(host).exploded)
    except ValueError:
        return False


def check_events(events: Sequence[str]) -> Refusal | None:
    if not events or len(events) > FILTERS_MAX or len(set(events)) < len(events):
        return Refusal("bad_events", f"an endpoint names between 1 and {FILTERS_MAX} events, none of them twice")
    unknown = next((name for name in events if name not in EVENTS and name not in GROUPS), None)
    if unknown is None:
        return None
    return Refusal("unknown_event", f"there is no event {_shown(unknown)}: such as booking.created, booking.*, or *")


def check_description(text: str) -> Refusal | None:
    return _text("description", text, DESCRIPTION_CHARACTERS_MAX)


def check_why(text: str) -> Refusal | None:
    return _text("reason", text, WHY_CHARACTERS_MAX)


def _text(field: str, text: str, most: int) -> Refusal | None:
    problem = f"at most {most} characters, not {len(text)}" if len(text) > most else unfit_text(text)
    return None if problem is None else Refusal("bad_text", f"{field}: {problem}")


def _shown(text: str) -> str:
    """What the asker said, quoted, as much of it as fits into a sentence."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")
