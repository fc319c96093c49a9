"""A cell on its own, and a log of one actor that stores what it drafts: turns by hand."""

from __future__ import annotations

import asyncio

import msgspec

from actors.decider import Command
from actors.runtime.cell import Cell, Draft, Letter, Phase, Request, Turn
from actors.runtime.memory import Memory
from actors.runtime.wire import Envelope, encode_command
from tests.support.tally import TALLY, Tally

ACTOR = "demo.tally.a"
CLOCK_NOW = 1_000_000
LOOP_NOW = 50.0


class Bench:
    """A cell that is ready, and a log of one actor that stores what it drafts."""

    def __init__(self, *, turn_commands_max: int = 100, remembered_max: int = 1_000) -> None:
        self.cell = Cell(ACTOR, TALLY, 0, turn_commands_max)
        self.remembered_max = remembered_max
        self.stored: list[Draft] = []
        self.letters = 0
        self.load()

    @property
    def memory(self) -> Memory:
        assert self.cell.memory is not None
        return self.cell.memory

    @property
    def tally(self) -> Tally:
        tally: Tally = self.memory.state
        return tally

    def load(self) -> None:
        """As if the log had been read."""
        memory = Memory(TALLY, ACTOR, self.remembered_max)
        for draft in self.stored:
            for one in draft.decided:
                for fact in one.facts:
                    memory.state = TALLY.evolve(memory.state, fact, draft.at)
            memory.stand(memory.sequence + 10, draft.head, draft.at, draft.decided)
        self.cell.memory = memory
        self.cell.phase = Phase.READY

    def letter(
        self, command: Command | bytes, id: str = "", *, asked_at: int = CLOCK_NOW, deadline: float = 99.0
    ) -> Letter:
        body = msgspec.Raw(command if isinstance(command, bytes) else encode_command(command))
        self.letters += 1
        number = self.letters
        letter = Letter(Envelope(number, ACTOR, id or f"c-{number}", "ann", asked_at, 5_000, body), "inbox", deadline)
        self.cell.mailbox.append(letter)
        return letter

    def request(self, command: Command, id: str = "t-1", *, deadline: float = 99.0) -> Request:
        body = msgspec.Raw(encode_command(command))
        outcome = asyncio.get_event_loop().create_future()
        envelope = Envelope(0, ACTOR, id, "ann", CLOCK_NOW, 5_000, body)
        request = Request(envelope, body, (ACTOR, "demo.tally.b"), (ACTOR, "demo.tally.b"), None, deadline, outcome)
        self.cell.mailbox.append(request)
        return request

    def turn(self, clock_now: int = CLOCK_NOW) -> Turn:
        return self.cell.take_turn(clock_now, LOOP_NOW)

    def draft(self, clock_now: int = CLOCK_NOW) -> Draft:
        draft = self.turn(clock_now).draft
        assert draft is not None
        return draft

    def land(self, draft: Draft) -> None:
        self.cell.landed(draft, self.memory.sequence + 10)
        self.stored.append(draft)

    def settle(self) -> dict[str, list[str]]:
        """Take turns until the mailbox is empty, storing all; what each command id was answered, in order."""
        said: dict[str, list[str]] = {}
        while self.cell.mailbox:
            if self.cell.phase is Phase.COLD:
                self.load()
            turn = self.turn()
            answers = [*turn.answers]
            if turn.draft is not None:
                self.land(turn.draft)
                answers += turn.draft.answers
            for letter, accepted, body in answers:
                said.setdefault(letter.envelope.id, []).append(told(accepted, body))
        return said


def told(accepted: bool, body: msgspec.Raw) -> str:
    """The answer as text, or the code of the refusal."""
    return bytes(body).decode() if accepted else str(msgspec.json.decode(body)["code"])


def answered(answers: list[tuple[Letter, bool, msgspec.Raw]]) -> list[tuple[str, str]]:
    return [(letter.envelope.id, told(accepted, body)) for letter, accepted, body in answers]
