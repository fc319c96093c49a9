"""A waiting room with the lines before it, in memory and without a runtime: a clock that stands until it is moved, and
a log in which all of their commits have an order.

What happens is what a host does (`actors.runtime.cell`): each line decides by the room as it stands; the room hears its
lines in the order of the log; what is due is done before a command and again behind it, bounded in the same way; the
rest follows in further commits. `launch.log` holds all of them as a log would record them, chained.

Two things can be held back, because in truth they take a while: with `prompt = False` the room hears of its lines only
when it does something, or is told to `settle`; and after `freeze` the lines decide by the room as it was then.

Visitors go by names: `launch.join("ann")` returns her ticket, or the code of what stands against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from pyroaring import BitMap

from actors.decider import TICK, AnyDecider, Command, Consulted, Decision, Followed, News, Refusal
from actors.runtime.limits import DUE_AGAIN_MAX
from actors.waiting.commands import (
    Claim,
    DrainRoom,
    Exit,
    Join,
    Leave,
    OpenRoom,
    PauseRoom,
    Present,
    Prolong,
    PutRoom,
    Remove,
    ResumeRoom,
    Revoke,
    ShowTicket,
    StartPreQueue,
    Touch,
)
from actors.waiting.line import LINE, Line
from actors.waiting.presence import Presence
from actors.waiting.room import ALWAYS, ROOM_KIND
from actors.waiting.standing import Room
from events.clock import Instant
from events.codec import canonical, read_back, spelled
from events.commit import GENESIS, Decided, encode, hash_of
from events.facts import Fact
from events.limits import LOG_MESSAGE_BYTES_MAX
from events.log import Recorded
from events.room import ORDINARY, RoomSettings, TicketsCalled
from events.waiting.sessions import hidden, line_actor, room_actor, session_of, shard_of, ticket_of

ORG: Final = "demo"
NAME: Final = "launch"
ROOM_ACTOR: Final = room_actor(ORG, NAME)
NOON: Final[Instant] = 1_796_644_800_000
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000

Answer: TypeAlias = Decision[Any] | Refusal
CONTROLS: Final[dict[str, Command]] = {
    "start": StartPreQueue(), "open": OpenRoom(), "pause": PauseRoom(), "resume": ResumeRoom(), "drain": DrainRoom(),
}  # fmt: skip


class Happened(NamedTuple):
    """A turn: what was asked of which actor, if anything was, what became true before it, by it and behind it."""

    at: Instant
    actor: str
    command: Command | None
    answer: Answer | None
    before: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    behind: tuple[Fact, ...]
    sequence: int
    """Where it stands in the log; 0 when there was nothing to write."""


def key_of(name: str) -> str:
    return f"the key that opens {name}"


def session(name: str) -> str:
    return session_of(key_of(name))


def code_of(answer: Answer) -> str:
    """What the answer comes to in one word: the status that it tells of, or the code of the refusal."""
    if isinstance(answer, Refusal):
        return answer.code
    reply = answer.reply
    return str(reply.get("status", "ok")) if isinstance(reply, dict) else "ok"


def through_the_shelf(decider: AnyDecider, state: Any) -> Any:
    """The state, as it is when it was put away and taken out again."""
    written = canonical(state)
    again = read_back(written, decider.state)
    assert canonical(again) == written, "a state survives the shelf"
    return again


class Launch:
    def __init__(self, settings: RoomSettings | None = None, *, at: Instant = NOON, opened: bool = True) -> None:
        self.at = at
        self.log: list[Recorded] = []
        self.history: list[Happened] = []
        self.room: Room = ROOM_KIND.initial(ROOM_ACTOR)
        self.lines: dict[int, Line] = {}
        self.presences: dict[int, Presence] = {}
        self.news: list[News] = []
        """What the room has yet to hear."""
        self.prompt = True
        self.tickets: dict[str, str] = {}
        """Each visitor's last ticket."""
        self.alive: set[str] = set()
        """Those who are heard of all the time."""
        self._seen: tuple[Room, int] | None = None
        self._stands: dict[str, tuple[int, str]] = {}
        """Where each actor's last commit stands, and its hash."""
        if settings is not None:
            assert code_of(self.ask(PutRoom(settings))) == "ok"
            if opened:
                self.control("open")

    # The room

    @property
    def settings(self) -> RoomSettings:
        return self.room.settings

    @property
    def sequence(self) -> int:
        """Of the room's last commit."""
        return self._stands.get(ROOM_ACTOR, (0, ""))[0]

    def ask(self, command: Command) -> Answer:
        """Ask the room, and let all that follows from it happen."""
        answer: Answer = self._turn(command)
        self.settle()
        return answer

    def put(self, **changes: Any) -> str:
        """Change these settings, and leave the others."""
        return code_of(self.ask(PutRoom(msgspec.structs.replace(self.settings, **changes))))

    def control(self, step: str) -> str:
        return code_of(self.ask(CONTROLS[step]))

    def settle(self) -> int:
        """Do what is due, until nothing is; how many commits that took. What is due and cannot be done is a bug: a
        host would go on for ever."""
        commits = 0
        while self.is_due():
            if not self._turn(None):
                wake = ROOM_KIND.wake(self.room)
                assert wake is None or wake > self.at, f"the room wants a Tick at {wake}, and has nothing to do"
                assert self.room.phase in {"scheduled", "closed"}, "news that the room does not take in"
                break
            commits += 1
        return commits

    def is_due(self) -> bool:
        if self.news and self.news[-1].sequence > self.room.heard:
            return True
        wake = ROOM_KIND.wake(self.room)
        return wake is not None and wake <= self.at

    def _turn(self, command: Command | None) -> Any:
        """One commit of the room: its answer to the command, or without one, what became true."""
        before = self._due() if self.is_due() else ()
        facts: tuple[Fact, ...] = ()
        answer: Answer | None = None
        if command is not None:
            answer = self._decide(command)
            if isinstance(answer, Decision):
                facts = answer.facts
                self._evolve(facts)
        behind = self._due() if self.is_due() and (command is not None or before) else ()
        sequence = self._commit(ROOM_ACTOR, before + facts + behind, answer)
        if sequence:
            self.news = [one for one in self.news if one.sequence > self.room.heard]
        self.history.append(Happened(self.at, ROOM_ACTOR, command, answer, before, facts, behind, sequence))
        return answer if command is not None else before + behind

    def _due(self) -> tuple[Fact, ...]:
        """As much of it as a Tick sees to."""
        done: tuple[Fact, ...] = ()
        for _ in range(1 + DUE_AGAIN_MAX):
            answer = self._decide(TICK)
            assert isinstance(answer, Decision)
            if not answer.facts:
                break
            self._evolve(answer.facts)
            done += answer.facts
        return done

    def _decide(self, command: Command) -> Answer:
        return ROOM_KIND.decide(self.room, command, self.at, Followed(tuple(self.news)))  # type: ignore[arg-type]

    def _evolve(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.room = ROOM_KIND.evolve(self.room, fact, self.at)  # type: ignore[arg-type]

    # The lines

    def freeze(self) -> None:
        """From here on the lines hear no more of the room."""
        self._seen = (through_the_shelf(ROOM_KIND, self.room), self.sequence)

    def thaw(self) -> None:
        self._seen = None

    def line(self, shard: int) -> Line:
        if shard not in self.lines:
            self.lines[shard] = LINE.initial(line_actor(ORG, NAME, shard))
            self.presences[shard] = Presence(self.at)
        return self.lines[shard]

    def ask_line(self, shard: int, *commands: Command) -> Answer:
        """Ask a shard, in one commit; the answer to the last of the commands."""
        assert commands
        room, sequence = self._seen or (self.room, self.sequence)
        line, presence = self.line(shard), self.presences[shard]
        done: list[Fact] = []
        answer: Answer = Decision()
        for command in commands:
            answer = LINE.decide(line, command, self.at, Consulted(room, presence, sequence))  # type: ignore[arg-type]
            if isinstance(answer, Decision):
                if answer.leases is not None:
                    presence.keep(answer.leases, self.at)
                for fact in answer.facts:
                    line = self.lines[shard] = LINE.evolve(line, fact, self.at)
                done += answer.facts
        actor, facts = line_actor(ORG, NAME, shard), tuple(done)
        stands = self._commit(actor, facts, answer)
        if stands:
            self.news.append(News(stands, actor, self._stands[actor][1], facts))
        self.history.append(Happened(self.at, actor, commands[-1], answer, (), facts, (), stands))
        if stands and self.prompt:
            self.settle()
        return answer

    def shard_for(self, name: str, identity: str = "") -> int:
        whose = hidden(identity) if self.settings.one_per_identity else session(name)
        return shard_of(whose, self.settings.shards)

    # The clock

    def wakes(self) -> list[tuple[Instant, int]]:
        """When who wants to be woken: the room is -1, lines are their shards."""
        assert LINE.leased is not None
        wanted = [(ROOM_KIND.wake(self.room), -1)]
        wanted += [(LINE.leased(line, self.presences[shard]), shard) for shard, line in self.lines.items()]
        return sorted((instant, whose) for instant, whose in wanted if instant is not None and instant < ALWAYS)

    def until(self, at: Instant) -> None:
        """Let time go on, and everybody do what is due when it is."""
        while True:
            self.settle()
            wakes = self.wakes()
            if not wakes or wakes[0][0] > at:
                break
            instant, shard = wakes[0]
            if shard >= 0:
                self.at = max(self.at, instant)
                self.here(*self.alive)
                self.ask_line(shard, TICK)
                again = LINE.leased(self.lines[shard], self.presences[shard]) if LINE.leased is not None else None
                assert again is None or again > self.at, f"line {shard} has looked, and wants to look at {again}"
            else:
                self.at = max(self.at, instant)
        self.at = max(self.at, at)
        self.settle()

    def later(self, seconds: float) -> None:
        self.until(self.at + int(seconds * SECOND_MS))

    # Visitors

    def join(
        self, name: str, lane: str = ORDINARY, code: str = "", identity: str = "", work: str = "", email: str = ""
    ) -> str:
        command = Join(key_of(name), lane, code, identity, work, email=email)
        answer = self.ask_line(self.shard_for(name, identity), command)
        if isinstance(answer, Decision):
            self.tickets[name] = answer.reply["ticket"]
            return str(answer.reply["ticket"])
        return answer.code

    def join_all(self, names: Iterable[str], lane: str = ORDINARY, code: str = "") -> None:
        """Shard by shard, each in one commit."""
        by_shard: dict[int, list[str]] = {}
        for name in names:
            by_shard.setdefault(self.shard_for(name), []).append(name)
        for shard, some in sorted(by_shard.items()):
            first = self.line(shard).next
            answer = self.ask_line(shard, *(Join(key_of(name), lane, code) for name in some))
            assert isinstance(answer, Decision), answer
            self.tickets.update({name: f"{NAME}.{shard}.{first + index}" for index, name in enumerate(some)})

    def touch(self, name: str) -> str:
        return self._of_line(Touch(self.tickets[name], key_of(name)))

    def leave(self, name: str) -> str:
        return self._of_line(Leave(self.tickets[name], key_of(name)))

    def remove(self, name: str) -> str:
        return self._of_line(Remove(self.tickets[name]))

    def here(self, *names: str) -> None:
        """They are connected, somewhere."""
        by_shard: dict[int, BitMap] = {}
        for name in names:
            ticket = ticket_of(self.tickets[name])
            assert ticket is not None
            by_shard.setdefault(ticket.shard, BitMap()).add(ticket.number)
        for shard, numbers in sorted(by_shard.items()):
            assert isinstance(self.ask_line(shard, Present(spelled(numbers))), Decision)

    def _of_line(self, command: Touch | Leave | Remove) -> str:
        ticket = ticket_of(command.ticket)
        assert ticket is not None
        return code_of(self.ask_line(ticket.shard, command))

    def claim(self, name: str) -> str:
        return code_of(self.ask(Claim(self.tickets[name], key_of(name))))

    def prolong(self, name: str) -> str:
        return code_of(self.ask(Prolong(self.tickets[name], key_of(name))))

    def exit(self, name: str) -> str:
        return code_of(self.ask(Exit(self.tickets[name], key_of(name))))

    def revoke(self, name: str) -> str:
        return code_of(self.ask(Revoke(self.tickets[name])))

    def status(self, name: str) -> str:
        return code_of(self.ask(ShowTicket(self.tickets[name])))

    def statuses(self, *names: str) -> list[str]:
        return [self.status(name) for name in names]

    def called(self) -> list[str]:
        """Whoever was called so far, again and again, in that order, by name."""
        names = {ticket.partition(".")[2]: name for name, ticket in self.tickets.items()}
        facts = (fact for one in self.history for fact in one.before + one.facts + one.behind)
        return [names[ticket] for fact in facts if isinstance(fact, TicketsCalled) for ticket in fact.tickets]

    # The log

    def _commit(self, actor: str, facts: tuple[Fact, ...], answer: Answer | None) -> int:
        if not facts:
            return 0
        before, head = self._stands.get(actor, (0, GENESIS))
        reply = msgspec.Raw(canonical(answer.reply if isinstance(answer, Decision) else None))
        number = len(self.log) + 1
        body = encode(actor, self.at, head, [Decided(f"c-{number}", "test", self.at, facts, reply)])
        assert len(body) <= LOG_MESSAGE_BYTES_MAX, f"a commit of {len(body)} bytes"
        self.log.append(Recorded(number, actor, body, self.at, previous=before))
        self._stands[actor] = (number, hash_of(body))
        return number

    def replayed(self) -> Room:
        """The room, as its own commits alone make it."""
        room = ROOM_KIND.initial(ROOM_ACTOR)
        for recorded in self.log:
            if recorded.actor == ROOM_ACTOR:
                commit = ROOM_KIND.facts.read(recorded.body)
                for fact in (fact for one in commit.decided for fact in one.facts):
                    room = ROOM_KIND.evolve(room, fact, commit.at)
        return room


def recount(room: Room) -> None:
    """What the room keeps count of is what it comes to when everybody is looked at, one by one."""
    waiting: dict[str, int] = {}
    for index, shard in enumerate(room.shards):
        assert shard.inside <= shard.served <= BitMap(range(shard.count))
        assert shard.absent.isdisjoint(shard.served | shard.gone)
        assert shard.gone <= BitMap(range(shard.count)) and shard.absent <= BitMap(range(shard.count))
        inside, not_waiting = set(shard.inside), set(shard.served | shard.gone | shard.absent)
        lanes = {lane: set(members) for lane, members in shard.lanes.items()}
        for number in range(shard.count):
            name = f"{index}.{number}"
            assert ((name in room.called) + (name in room.active)) == (number in inside)
            if number not in not_waiting:
                lane = next((one for one, members in lanes.items() if number in members), ORDINARY)
                waiting[lane] = waiting.get(lane, 0) + 1
    assert {lane: count for lane, count in room.waiting.items() if count} == waiting
    assert sorted(room.claiming) == sorted(name for name, call in room.called.items() if call.claiming)
    stand = [call.until for call in room.called.values() if not call.claiming]
    assert room.next_end() == min([*stand, *(seat.until for seat in room.active.values())], default=None)
