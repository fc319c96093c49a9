"""Names: identifiers, actors, and the subjects that they are written under.

An actor's name is `<org>.<kind>[.<part>…]`, for example `demo.catalog` or `demo.day.studio-a.2026-12-07`.
Its log subject is the name behind `log.`; so one organisation is one subject prefix, and one actor one subject.
The grammar keeps every token free of the characters that NATS gives a meaning to (`.`, `*`, `>` and blanks).
"""

from __future__ import annotations

import re
from typing import Final
from zlib import crc32

from events import limits
from events.errors import BadName

_IDENTIFIER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_ACTOR: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(?:\.[a-z0-9][a-z0-9_-]{0,63}){1,4}", re.ASCII)

LOG_PREFIX: Final = "log."
LOG_SUBJECTS: Final = "log.>"


def is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


def identifier(text: str) -> str:
    """`text` itself if it follows the grammar; `BadName` otherwise."""
    if not is_identifier(text):
        raise BadName(f"{text!r} is not an identifier")
    return text


def is_actor(text: str) -> bool:
    return _ACTOR.fullmatch(text) is not None


def actor_name(org: str, kind: str, *parts: str) -> str:
    """The name of an actor, every token checked."""
    name = ".".join((org, kind, *parts))
    if not is_actor(name) or any("." in token for token in (org, kind, *parts)):
        raise BadName(f"{name!r} is not the name of an actor: <org>.<kind>[.<part>…], at most five identifiers")
    return name


def kind_of(actor: str) -> str:
    """`day` for `demo.day.studio-a.2026-12-07`. The name must be well formed."""
    return actor.split(".", 2)[1]


def org_of(actor: str) -> str:
    return actor.split(".", 1)[0]


def subject_of(actor: str) -> str:
    return LOG_PREFIX + actor


def actor_of(subject: str) -> str:
    if not subject.startswith(LOG_PREFIX):
        raise BadName(f"{subject!r} is not a subject of the log")
    return subject[len(LOG_PREFIX) :]


def partition_of(actor: str) -> int:
    """Which of the partitions an actor belongs to: the same on every machine, in every version, for ever."""
    return crc32(actor.encode()) % limits.PARTITIONS
