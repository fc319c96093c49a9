"""Answers on their way out: what is answered within one pass of the loop to one reply subject leaves as one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec
import structlog

from actors.runtime.cell import Letter
from actors.runtime.tasks import Tasks
from events.bus import Bus
from events.errors import BusError

log = structlog.get_logger(__name__)

PAGE_BYTES_MAX: Final = 1 << 20
_ENVELOPE_BYTES: Final = 40

_ENCODER: Final = msgspec.json.Encoder()
_Answer: TypeAlias = tuple[int, bool, int, msgspec.Raw]
"""Spells the same as `wire.Answer`."""


class Outbox:
    def __init__(self, bus: Bus, tasks: Tasks) -> None:
        self._bus = bus
        self._tasks = tasks
        self._waiting: dict[str, list[_Answer]] = {}

    def add(self, letter: Letter, accepted: bool, sequence: int, body: msgspec.Raw) -> None:
        """Answer one letter. The host's own ticks want no answer."""
        if letter.reply:
            self.add_to(letter.reply, letter.envelope.number, accepted, sequence, body)

    def add_to(self, reply: str, number: int, accepted: bool, sequence: int, body: msgspec.Raw) -> None:
        self._of(reply).append((number, accepted, sequence, body))

    def add_all(self, answers: Iterable[tuple[Letter, bool, msgspec.Raw]], sequence: int) -> None:
        """Answer all letters of a turn whose commit stands at `sequence`; what was not accepted changed nothing."""
        reply, waiting = "", None
        for letter, accepted, body in answers:
            if not letter.reply:
                continue
            if waiting is None or letter.reply != reply:
                reply = letter.reply
                waiting = self._of(reply)
            waiting.append((letter.envelope.number, accepted, sequence if accepted else 0, body))

    def _of(self, reply: str) -> list[_Answer]:
        if not self._waiting:
            self._tasks.start(self._post())
        waiting = self._waiting.get(reply)
        if waiting is None:
            waiting = self._waiting[reply] = []
        return waiting

    async def _post(self) -> None:
        outbox, self._waiting = self._waiting, {}
        try:
            for reply, answers in outbox.items():
                for page in _pages(answers):
                    await self._bus.publish(reply, _ENCODER.encode(page))
        except BusError as error:  # the senders ask again, and get the same answers
            log.warning("answers_not_sent", code=error.code, detail=str(error), replies=len(outbox))


def _pages(answers: list[_Answer]) -> Iterator[list[_Answer]]:
    """Answers in messages that the bus can carry."""
    start = size = 0
    for index, answer in enumerate(answers):
        size += len(answer[3]) + _ENVELOPE_BYTES
        if size > PAGE_BYTES_MAX and index > start:
            yield answers[start:index]
            start, size = index, len(answer[3]) + _ENVELOPE_BYTES
    yield answers[start:]
