"""Two small kinds: voices that say words, and an ear that follows them. An ear that is open listens for ever, takes in
a few commits at a time, and counts the words that begin with a capital at once, each as a step of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from actors.decider import AnyDecider, Command, Decider, Decision, Followed, Refusal, Tick
from events.clock import Instant
from events.facts import Fact, FactSet

AT_ONCE: Final = 3
FAR: Final = 10**15


class Said(Fact, frozen=True):
    word: str


class Say(Command, frozen=True):
    word: str


class Voice(msgspec.Struct):
    said: int = 0


def _say(_voice: Voice, command: Say, _at: Instant, _policy: None) -> Decision[Said]:
    return Decision((Said(command.word),))


def _evolve_voice(voice: Voice, _fact: Said, _at: Instant) -> Voice:
    voice.said += 1
    return voice


VOICE: Final[Decider[Voice, Say, Said, None]] = Decider(
    kind="voice", parts=("ear", "name"), commands=(Say,), facts=FactSet[Said]((Said,)), state=Voice,
    initial=lambda _: Voice(), decide=_say, evolve=_evolve_voice, policy=None,
)  # fmt: skip


class Opened(Fact, frozen=True):
    pass


class Shut(Fact, frozen=True):
    pass


class Noticed(Fact, frozen=True):
    """Which words, and the sequence of the last of them."""

    through: int
    words: tuple[str, ...]


class Counted(Fact, frozen=True):
    """The first of the words that are not counted yet."""

    word: str


class OpenUp(Command, frozen=True):
    pass


class ShutUp(Command, frozen=True):
    pass


class WhatWasSaid(Command, frozen=True):
    """A question."""


EarFact: TypeAlias = Opened | Shut | Noticed | Counted
EarCommand: TypeAlias = OpenUp | ShutUp | WhatWasSaid | Tick


class Ear(msgspec.Struct):
    open: bool = False
    heard: int = 0
    words: list[str] = []
    to_count: list[str] = []
    counted: int = 0


def _listen(ear: Ear, command: EarCommand, _at: Instant, by: Followed) -> Decision[EarFact] | Refusal:
    match command:
        case OpenUp():
            return Decision((Opened(),))
        case ShutUp():
            return Decision((Shut(),))
        case WhatWasSaid():
            return Decision(reply={"words": ear.words, "counted": ear.counted})
        case Tick():
            news = [one for one in by.news if one.sequence > ear.heard][:AT_ONCE]
            if ear.open and news:
                return Decision((Noticed(news[-1].sequence, tuple(fact.word for one in news for fact in one.facts)),))
            return Decision((Counted(ear.to_count[0]),) if ear.to_count else ())


def _evolve_ear(ear: Ear, fact: EarFact, _at: Instant) -> Ear:
    match fact:
        case Opened():
            ear.open = True
        case Shut():
            ear.open = False
        case Noticed(through, words):
            ear.heard = through
            ear.words += words
            ear.to_count += [word for word in words if word[:1].isupper()]
        case Counted():
            ear.to_count.pop(0)
            ear.counted += 1
    return ear


def _wake(ear: Ear) -> Instant | None:
    if ear.to_count:
        return 0
    return FAR if ear.open else None


def _voices(actor: str) -> str:
    org, _, ear = actor.split(".")
    return f"{org}.voice.{ear}"


EAR: Final[Decider[Ear, EarCommand, EarFact, Followed]] = Decider(
    kind="ear", parts=("name",), commands=(OpenUp, ShutUp, WhatWasSaid),
    facts=FactSet[EarFact]((Opened, Shut, Noticed, Counted)), state=Ear, initial=lambda _: Ear(), decide=_listen,
    evolve=_evolve_ear, wake=_wake, policy=Followed(), follows=_voices, heard=lambda ear: ear.heard,
)  # fmt: skip

KINDS: Final[Mapping[str, AnyDecider]] = {"voice": VOICE, "ear": EAR}
